// Says what addons need of the machine that they are loaded on, and fails where that is more than any glibc since 2.28
// and musl have.
//
//   node scripts/check-portable.mjs FILE...
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { compare } from './portable-libc.mjs';

const newestVersion = '2.28';

function readelf(file, ...options) {
  const { status, stdout, error } = spawnSync('readelf', ['-W', ...options, file], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw new Error(`readelf could not be run: ${error.message}`);
  if (status !== 0) throw new Error(`readelf does not understand ${file}`);
  return stdout;
}

/** The symbols that `file` takes from elsewhere: name, version (`undefined`: none), whether it can do without. */
function imports(file) {
  const row = /^\s*\d+: \S+\s+\d+ \S+\s+(\S+)\s+\S+\s+UND (\S+?)(?:@(\S+))?(?: \(\d+\))?$/gm;
  return [...readelf(file, '--dyn-syms').matchAll(row)].map(([, binding, name, version]) => ({
    name,
    version,
    weak: binding === 'WEAK',
  }));
}

function check(file) {
  const needed = [...readelf(file, '-d').matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name);
  const strong = imports(file).filter(({ weak }) => !weak);
  const ofNode = strong.filter(({ name }) => /^(napi|node_api)_/.test(name));
  const ofLibc = strong.filter((symbol) => !ofNode.includes(symbol));
  const versions = ofLibc.map(({ version }) => version?.replace(/^GLIBC_/, ''));
  const tooNew = ofLibc.filter(
    (_, at) => versions[at] === undefined || !(compare(versions[at], newestVersion) <= 0),
  );
  const newest = versions.toSorted((a, b) => compare(a ?? '0', b ?? '0')).at(-1);

  const problems = [
    ...needed
      .filter((name) => name !== 'libc.so.6')
      .map((name) => `it needs the library ${name}, which musl doesn't stand in for`),
    ...tooNew.map(({ name, version }) => `it needs ${name} of ${version ?? 'nobody knows where'}`),
  ];
  for (const problem of problems) console.error(`${file}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  const size = Math.round(statSync(file).size / 1024);
  console.log(
    `${file}: ${size} KiB; needs ${needed.join(', ')}, glibc ${newest} or musl (${ofLibc.length} functions), Node-API (${ofNode.length})`,
  );
  if (process.env.FLATVIEW_LIST_IMPORTS) console.log(ofLibc.map(({ name }) => name).join('\n'));
}

for (const file of process.argv.slice(2)) check(file);

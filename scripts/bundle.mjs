// Makes dist/bundle/ of what the compilers left in dist/lib/: what the published package loads, in a few files, because
// each file that Node.js has to find, read and link takes a good half of a millisecond.
//
//   node scripts/bundle.mjs
//
// There is a file for each name that the package exports, under the path that it has in lib/, and for the command. What
// several of them load lies once in chunks/, so that a class is the same one whichever way a program came by it.
// map-page.js is the script of the page that `flatview map --html` writes.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'rolldown';

const root = path.resolve(import.meta.dirname, '..');
const compiled = path.join(root, 'dist/lib');
const bundled = path.join(root, 'dist/bundle');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The compiler's own source maps are read too, so that those of the bundle lead to lib/. */
const compiledModules = {
  name: 'compiled-modules',
  load(file) {
    if (!file.startsWith(compiled)) return null;
    const map = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
    return { code: readFileSync(file, 'utf8'), map };
  },
};

/** Names and lines stay as they are written: a stack trace can be read without source maps. */
const output = {
  format: 'es',
  minify: false,
  comments: { legal: true, annotation: false, jsdoc: false },
};

function entries() {
  const files = [...Object.values(manifest.exports), manifest.bin.flatview]
    .map((target) => target.default ?? target)
    .filter((file) => file.endsWith('.js'));
  const names = files.map((file) => path.relative(bundled, file).replace(/\.js$/, ''));
  return Object.fromEntries(names.map((name) => [name, path.join(compiled, `${name}.js`)]));
}

/** What lies together even where one needs less: a larger file loads faster than several small ones. First come, first served. */
const groups = [
  {
    // The parts that work without the addon need no more of what lies below them.
    name: 'leaves',
    test: /\/(address|errors|needs-linux|package-root|partition-point|range-set|sorted-ranges|vfio-interface)\.js$/,
  },
  { name: 'flatview', test: /dist\/lib\/index\.js$/ },
  { name: 'mapping', test: /dist\/lib\/mapping\// },
  { name: 'kernel', test: /\/(.*ioctl-error|kvm-interface|bytes-of|checked-call)\.js$/ },
  { name: 'diff', test: /dist\/lib\/mtree\/diff\/index\.js$/ },
  { name: 'command', test: /dist\/lib\/cli\//, minShareCount: 2 },
].map((group, index, { length }) => ({ ...group, priority: length - index }));

rmSync(bundled, { recursive: true, force: true });
await build({
  cwd: root,
  input: entries(),
  platform: 'node',
  external: Object.keys(manifest.dependencies),
  plugins: [compiledModules],
  output: {
    ...output,
    dir: bundled,
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    codeSplitting: { groups },
  },
});
await build({
  input: path.join(compiled, 'mtree/map/browser/main.js'),
  platform: 'browser',
  output: { ...output, format: 'iife', file: path.join(bundled, 'map-page.js') },
});
chmodSync(path.join(root, manifest.bin.flatview), 0o755);

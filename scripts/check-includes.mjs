// Checks the direction of dependency among the folders of native/: the engine knows neither Linux nor
// Node, the kernel interface knows neither the engine nor Node, and only the binding knows both.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const native = path.resolve(import.meta.dirname, '../native');

const nodeHeader =
  /^(napi|napi-inl|node|node_api\w*|js_native_api\w*|uv|v8[\w-]*)\.h$|^(node|uv|v8)\//;
const linuxHeader = /^(sys|linux|asm)\/|^(unistd|fcntl)\.h$/;

// What each folder may include of ours, and the system headers that it may not.
const folders = {
  engine: { ours: ['engine'], forbidden: [nodeHeader, linuxHeader] },
  kernel: { ours: ['kernel'], forbidden: [nodeHeader] },
  binding: { ours: ['binding', 'engine', 'kernel'], forbidden: [] },
  test: { ours: ['test', 'engine', 'kernel'], forbidden: [nodeHeader] },
};

function sourcesOf(folder) {
  return readdirSync(path.join(native, folder), { recursive: true })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => path.join(folder, file));
}

function includesOf(file) {
  const lines = readFileSync(path.join(native, file), 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const match = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(line);
    return match ? [{ file, line: index + 1, quoted: match[1] === '"', name: match[2] }] : [];
  });
}

// The folder of native/ that a quoted include leads to, found as the compiler finds it.
function folderOf({ file, name }) {
  const beside = path.join(path.dirname(file), name);
  return (existsSync(path.join(native, beside)) ? beside : name).split(path.sep)[0];
}

function isViolation(include, { ours, forbidden }) {
  if (forbidden.some((pattern) => pattern.test(include.name))) return true;
  return include.quoted && !ours.includes(folderOf(include));
}

const violations = Object.entries(folders).flatMap(([folder, rules]) =>
  sourcesOf(folder)
    .flatMap(includesOf)
    .filter((include) => isViolation(include, rules)),
);

for (const { file, line, name } of violations) {
  console.error(`native/${file}:${line}: ${name} is not for native/${file.split(path.sep)[0]}`);
}
console.log(`Includes of native/: ${violations.length} in the wrong direction`);
process.exitCode = violations.length === 0 ? 0 : 1;

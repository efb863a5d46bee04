// Checks the direction of dependency among the folders of native/: the engine knows neither Linux nor
// Node, the kernel interface knows neither the engine nor Node, and only the binding knows both. What
// WebAssembly's module offers is the engine alone.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { includesOf } from './native-includes.mjs';
import { root } from './native-tools.mjs';

const nodeHeader =
  /^(napi|napi-inl|node|node_api\w*|js_native_api\w*|uv|v8[\w-]*)\.h$|^(node|uv|v8)\//;
const linuxHeader = /^(sys|linux|asm)\/|^(unistd|fcntl)\.h$/;

// What each folder may include of ours, and the system headers that it may not.
const folders = {
  engine: { ours: ['engine'], forbidden: [nodeHeader, linuxHeader] },
  kernel: { ours: ['kernel'], forbidden: [nodeHeader] },
  binding: { ours: ['binding', 'engine', 'kernel'], forbidden: [] },
  wasm: { ours: ['engine'], forbidden: [nodeHeader, linuxHeader] },
  test: { ours: ['test', 'engine', 'kernel'], forbidden: [nodeHeader] },
  fuzz: { ours: ['fuzz', 'test', 'engine'], forbidden: [nodeHeader] },
};

function sourcesOf(folder) {
  return readdirSync(path.join(root, 'native', folder), { recursive: true })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => path.join('native', folder, file));
}

function isViolation(include, { ours, forbidden }) {
  if (forbidden.some((pattern) => pattern.test(include.name))) return true;
  return include.quoted && !ours.includes(include.path?.split(path.sep)[1]);
}

const violations = Object.entries(folders).flatMap(([folder, rules]) =>
  sourcesOf(folder)
    .flatMap(includesOf)
    .filter((include) => isViolation(include, rules)),
);

for (const { file, line, name } of violations) {
  console.error(`${file}:${line}: ${name} is not for ${file.split(path.sep, 2).join('/')}`);
}
console.log(`Includes of native/: ${violations.length} in the wrong direction`);
process.exitCode = violations.length === 0 ? 0 : 1;

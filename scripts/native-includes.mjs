// What the C++ sources of this repository include, found as the compiler finds it. Paths are from the root.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './native-tools.mjs';

/** The #include lines of a file. `path` is where the file is, if it is one of ours. */
export function includesOf(file) {
  const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
  return lines.flatMap((text, index) => {
    const [, quote, name] = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(text) ?? [];
    if (name === undefined) return [];
    const candidates = [path.join(path.dirname(file), name), path.join('native', name)];
    const found = candidates.find((candidate) => existsSync(path.join(root, candidate)));
    return { file, line: index + 1, name, quoted: quote === '"', path: found };
  });
}

/** A file and all of ours that it includes, directly or not. */
export function withIncludes(file) {
  const files = new Set([file]);
  // A set that grows while it is walked is walked to its new end.
  for (const one of files) {
    for (const include of includesOf(one)) if (include.path) files.add(include.path);
  }
  return [...files];
}

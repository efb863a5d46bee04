import { gzipSync } from 'node:zlib';
import type { Random } from '../../benchmarks/trace/random.js';
import { mutateJson } from './json-mutations.js';
import { mutateText } from './text-mutations.js';

/**
 * Another input, made of one by a few changes: of its lines, of its JSON, of its bytes, or of what it is wrapped in.
 *
 * @param other Where text can be taken from.
 */
export function mutateDump(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(40);
  if (kind === 0) return mutateBytes(input, random);
  if (kind === 1) return wrap(input, random);
  const text = decode(input);
  const json = /^\s*[{[]/.test(text) ? changedJson(text, random) : undefined;
  return Buffer.from(json ?? changedText(text, decode(other), random));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** How many changes: mostly one. */
function changeCount(random: Random): number {
  return 1 + random.below(1 + random.below(5));
}

function changedJson(text: string, random: Random): string | undefined {
  let changed: string | undefined = text;
  for (let left = changeCount(random); left > 0 && changed !== undefined; left--) {
    changed = mutateJson(changed, random);
  }
  return changed;
}

function changedText(text: string, other: string, random: Random): string {
  const lines = text.split('\n');
  const others = other.split('\n');
  for (let left = changeCount(random); left > 0; left--) mutateText({ lines, others, random });
  return lines.join('\n');
}

function mutateBytes(input: Uint8Array, random: Random): Uint8Array {
  const bytes = [...input];
  for (let left = changeCount(random); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    const kind = random.below(4);
    if (kind === 0) bytes.splice(at, 1 + random.below(8));
    else if (kind === 1) bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random.below(64)));
    else if (kind === 2) bytes.splice(at, 0, random.below(256));
    else if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return Uint8Array.from(bytes);
}

function wrap(input: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return gzipSync(input);
  if (kind === 1) return gzipSync(input).subarray(0, -1 - random.below(12));
  if (kind === 2) return Buffer.from(JSON.stringify({ return: decode(input) }));
  return Buffer.concat([Buffer.from('\ufeff'), input]);
}

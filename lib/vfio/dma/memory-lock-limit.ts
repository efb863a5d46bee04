import { readFileSync } from 'node:fs';

/** How much memory this process may lock, and how much it has locked, for people; empty where /proc doesn't tell. */
export function memoryLockLimit(): string {
  const limit = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  const locked = /^VmLck:\s+(\d+) kB/m.exec(read('/proc/self/status'))?.[1];
  const pinned = /^VmPin:\s+(\d+) kB/m.exec(read('/proc/self/status'))?.[1];
  if (limit === undefined) return '';
  const bytes = limit === 'unlimited' ? 'has no limit' : `may lock ${limit} bytes`;
  const held = Number(locked ?? 0) + Number(pinned ?? 0);
  return `this process ${bytes} (/proc/self/limits) and has locked ${held} KiB (/proc/self/status)`;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

import { execFileSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';

/** What the kernel has logged and still remembers. */
export function kernelLog(): string {
  return execFileSync('busybox', ['dmesg'], { encoding: 'utf8' });
}

/** Waits until the kernel has logged a line that is like `pattern`: it does so on a thread of its own. */
export async function logged(pattern: RegExp): Promise<void> {
  while (!pattern.test(kernelLog())) await setImmediate();
}

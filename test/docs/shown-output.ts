import assert from 'node:assert/strict';

/**
 * Whether all of an output is as a page shows it: a line `...` there stands for any lines, `…` for any part of a line.
 *
 * @param numbersVary Decimal numbers may be others: counts and times of a run.
 */
export function isShown(output: string, shown: string, numbersVary = false): boolean {
  const literal = shown.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = literal
    .replaceAll(/^\\\.\\\.\\\.\n/gm, '(?:.*\\n)*?')
    .replaceAll('…', '.*?')
    .replaceAll(/(?<![\da-fx])\d+(?![\da-fx])/g, (digits) => (numbersVary ? '\\d+' : digits));
  return new RegExp(`^${pattern}$`).test(output);
}

/** Fails unless {@link isShown}, and says in which lines they differ. */
export function assertShown(output: string, shown: string, numbersVary = false): void {
  if (!isShown(output, shown, numbersVary)) assert.equal(output, shown);
}

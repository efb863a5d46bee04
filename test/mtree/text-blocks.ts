// The monitor prints its blocks in the order of a hash table: texts are compared block by block, in sorted order.

/** The blocks of a text without their numbers, sorted. */
export function sortedBlocks(text: string): string[] {
  return text
    .split('\n\n')
    .map((block) => block.replace(/^FlatView #\d+\n/, '').trimEnd())
    .filter((block) => block !== '')
    .sort();
}

/** Lines as the text that they are printed as. */
export function textOf(lines: Iterable<string>): string {
  return Array.from(lines, (line) => `${line}\n`).join('');
}

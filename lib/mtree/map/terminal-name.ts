/** Longest name that is printed. */
const nameLimit = 48;

/** A name as it can be printed: a dump may hold anything. */
export function clean(name: string): string {
  const printable = name.replaceAll(/\p{C}/gu, '?');
  return printable.length <= nameLimit ? printable : `${printable.slice(0, nameLimit - 1)}…`;
}

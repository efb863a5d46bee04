import { orphan } from '../monitor-format.js';

/** The window of an alias as its line prints it. */
export interface AliasWindow {
  /**
   * How `NAME @TARGET` can be taken apart: names may contain ` @` themselves. The first way has the shortest name.
   */
  readonly readings: readonly AliasReading[];
  /** Offset of the first byte within the target. */
  readonly offset: bigint;
}

/** One way to understand the names in an alias's line. */
export interface AliasReading {
  readonly name: string;
  readonly target: string;
}

/** One way to understand the names in the line of a flat range. */
export interface FlatReading {
  readonly name: string;
  /** Where in the region the range begins. */
  readonly offset: bigint;
}

const owner = / (?:owner|parent):\{(?:dev|obj) /;
const rangeStart = /^[^:]*[0-9a-f]-[0-9a-f]+ \(prio /;
const ownerEnd = /^(.*) ((?:owner|parent):\{(?:dev|obj) .*\})/;
const orphanEnd = / orphan(?: \S+)?$/;

/** Whether a text was printed with `-o`: then each region has an owner, or is an ` orphan`. */
export function ownersPrinted(text: string): boolean {
  if (owner.test(text)) return true;
  if (!text.includes(' orphan')) return false;
  const regions = text.split('\n').filter((line) => rangeStart.test(line));
  return regions.every((line) => orphanEnd.test(line.trimEnd()));
}

/** What stands behind the colon of a line of the tree. */
export function parseTreeName(rest: string, owners: boolean) {
  const owned = splitOwner(rest, owners);
  const disabled = owned.text.endsWith(' [disabled]');
  const text = disabled ? owned.text.slice(0, -' [disabled]'.length) : owned.text;
  const alias = parseAlias(text);
  return { name: alias?.readings[0]?.name ?? text, disabled, owner: owned.owner, alias };
}

/**
 * The ways to understand a flat range, from the longest name to the shortest: behind the name may stand ` @` and an
 * offset that is not 0, and at the end the name of an accelerator that has the range.
 *
 * @param text What stands behind the colon, without the owner.
 * @param owned Whether there was an owner, behind which the accelerator's name would stand.
 */
export function* flatReadings(text: string, owned: boolean): Generator<FlatReading, void> {
  yield* withoutAccelerator(text);
  const space = text.lastIndexOf(' ');
  if (!owned && space > 0) yield* withoutAccelerator(text.slice(0, space));
}

function* withoutAccelerator(text: string): Generator<FlatReading, void> {
  yield { name: text, offset: 0n };
  const placed = /^(.*) @([0-9a-f]{16})$/.exec(text);
  const offset = placed ? BigInt(`0x${placed[2]}`) : 0n;
  if (offset !== 0n) yield { name: placed?.[1] ?? '', offset };
}

/**
 * Takes off the owner, as it was printed. Behind it, an accelerator that has the range may have put its name.
 *
 * @param owners Whether owners are printed at all: names can look like them.
 */
export function splitOwner(
  rest: string,
  owners: boolean,
): { text: string; owner: string | undefined } {
  if (!owners) return { text: rest, owner: undefined };
  if (rest.endsWith(` ${orphan}`))
    return { text: rest.slice(0, -1 - orphan.length), owner: orphan };
  const owned = ownerEnd.exec(rest);
  if (owned) return { text: owned[1] ?? '', owner: owned[2] };
  const accelerated = rest.search(orphanEnd);
  if (accelerated < 0) return { text: rest, owner: undefined };
  return { text: rest.slice(0, accelerated), owner: orphan };
}

function parseAlias(text: string): AliasWindow | undefined {
  const match = /^alias (.*) ([0-9a-f]{16})-[0-9a-f]{16}$/.exec(text);
  const names = match?.[1];
  if (names === undefined) return undefined;
  const readings: AliasReading[] = [];
  for (let at = names.indexOf(' @'); at >= 0; at = names.indexOf(' @', at + 1)) {
    readings.push({ name: names.slice(0, at), target: names.slice(at + 2) });
  }
  return readings.length > 0 ? { readings, offset: BigInt(`0x${match?.[2]}`) } : undefined;
}

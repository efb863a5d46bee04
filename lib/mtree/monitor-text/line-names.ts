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

const owner = /(?:owner|parent):\{(?:dev|obj) /;

/** Whether a text was printed with `-o`: then each region has an owner, or is an ` orphan`. */
export function ownersPrinted(text: string): boolean {
  if (owner.test(text)) return true;
  if (!text.includes(' orphan')) return false;
  const regions = text.split('\n').filter((line) => line.includes('(prio '));
  return regions.every((line) => line.trimEnd().endsWith(' orphan'));
}

/** What stands behind the colon of a line of the tree. */
export function parseTreeName(rest: string, owners: boolean) {
  const owned = splitOwner(rest, owners);
  const disabled = owned.text.endsWith(' [disabled]');
  const text = disabled ? owned.text.slice(0, -' [disabled]'.length) : owned.text;
  const alias = parseAlias(text);
  return { name: alias?.readings[0]?.name ?? text, disabled, owner: owned.owner, alias };
}

/** What stands behind the colon of a flat range. */
export function parseFlatName(rest: string, owners: boolean) {
  const owned = splitOwner(rest, owners);
  const placed = /^(.*) @([0-9a-f]{16})(?: \S+)?$/.exec(owned.text);
  const space = owned.text.lastIndexOf(' ');
  const lastWord = owned.owner === undefined && space > 0 && !placed;
  return {
    name: placed?.[1] ?? owned.text,
    offset: placed ? BigInt(`0x${placed[2]}`) : 0n,
    owner: owned.owner,
    lastWord: lastWord ? owned.text.slice(space) : undefined,
  };
}

/** Takes off the owner. Behind it, an accelerator that has the range may have put its name. */
function splitOwner(rest: string, owners: boolean): { text: string; owner: string | undefined } {
  if (!owners) return { text: rest, owner: undefined };
  if (rest.endsWith(' orphan')) return { text: rest.slice(0, -' orphan'.length), owner: undefined };
  const start = rest.search(/ (?:owner|parent):\{/);
  const end = rest.lastIndexOf('}');
  if (start < 0 || end < start) return { text: rest, owner: undefined };
  return { text: rest.slice(0, start), owner: rest.slice(start + 1, end + 1) };
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

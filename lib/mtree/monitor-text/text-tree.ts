import type { RegionKind } from '../../memory/commit/region-state.js';
import { type Dump, type TreeBlock, type TreeLine, unprintedLine } from './dump.js';
import type { Notes } from './notes.js';
import { TextRegion } from './text-region.js';

/** The regions of a dump, each one once, and what the headings of the dump name. */
export interface TextTree {
  /** Parents come before their subregions. */
  readonly regions: readonly TextRegion[];
  readonly spaces: readonly { readonly name: string; readonly root: TextRegion }[];
  /** What `memory-region:` headings name, in their order. */
  readonly targets: readonly { readonly name: string; readonly region: TextRegion }[];
  /** The alias lines of the dump in their order. A region has one in each block that it belongs to. */
  readonly aliases: readonly { readonly line: TreeLine; readonly region: TextRegion }[];
  /** Whether `container` is a type of its own here: QEMU 7.2 prints `i/o` for it. */
  readonly tellsContainers: boolean;
}

/**
 * Finds out which lines show the same region. A region's parent is unique, so a block's root is either a root of the
 * machine or a region that a larger block shows somewhere inside, with the same things below it.
 */
export function buildTextTree(dump: Dump, notes: Notes): TextTree {
  const blocks = dump.blocks.map((block) => new BlockLines(block));
  const signatures = new Signatures();
  for (const block of blocks) signatures.sign(block.lines);
  const tellsContainers = blocks.some(({ lines }) =>
    lines.some(({ type, hidden }) => type === 'container' && !hidden),
  );
  const identity = new Identity(signatures, kindRule(blocks, tellsContainers), notes);
  for (const block of blocks.toSorted(largestFirst)) identity.identify(block);
  return { ...collect(blocks, identity), tellsContainers };
}

/** A block's lines from the root on, each line before those below it. */
class BlockLines {
  readonly block: TreeBlock;
  readonly lines: readonly TreeLine[];

  constructor(block: TreeBlock) {
    this.block = block;
    // Of a disabled root that has nothing to show below it, only the heading is printed.
    const name = block.names[0] ?? '';
    this.lines = [...linesBelow(block.root ?? unprintedLine({ line: block.line, name }))];
  }

  get root(): TreeLine {
    return this.lines[0] as TreeLine;
  }
}

function* linesBelow(root: TreeLine): Generator<TreeLine, void> {
  const stack = [root];
  for (let line = stack.pop(); line; line = stack.pop()) {
    yield line;
    for (let at = line.children.length - 1; at >= 0; at--)
      stack.push(line.children[at] as TreeLine);
  }
}

/** Numbers that are equal for lines that say the same, down to the last of their subregions. */
class Signatures {
  readonly #numbers = new Map<string, number>();
  readonly #ofLine = new Map<TreeLine, number>();

  sign(lines: readonly TreeLine[]): void {
    for (let at = lines.length - 1; at >= 0; at--) this.#sign(lines[at] as TreeLine);
  }

  of(line: TreeLine): number {
    return this.#ofLine.get(line) ?? -1;
  }

  #sign(line: TreeLine): void {
    const place = BigInt.asUintN(64, line.start - (line.parent?.start ?? 0n));
    const size = line.end - line.start;
    const children = line.children.map((child) => this.of(child)).join();
    const said = `${place} ${size} ${line.text}\n${children}`;
    const number = this.#numbers.get(said) ?? this.#numbers.size;
    this.#numbers.set(said, number);
    this.#ofLine.set(line, number);
  }
}

type BlockKind = TreeBlock['kind'];

/** Regions whose lines say the same, in the order in which they were found. */
class Lookalikes {
  readonly regions: TextRegion[] = [];
  /** Up to here all have a block of the kind. */
  readonly #done = { 'address-space': 0, 'memory-region': 0 };

  /** The first region that has no block of a kind yet, and another one that could be meant. */
  without(kind: BlockKind, headed: ReadonlySet<TextRegion>) {
    const { regions } = this;
    const isFree = (region: TextRegion | undefined) => region && !headed.has(region);
    let at = this.#done[kind];
    while (at < regions.length && !isFree(regions[at])) at++;
    this.#done[kind] = at;
    const next = regions[at + 1];
    return { known: regions[at], twin: isFree(next) ? next : undefined };
  }
}

/** Of equally large blocks that of an address space first: another one of the kind is another region. */
function largestFirst(a: BlockLines, b: BlockLines): number {
  return b.lines.length - a.lines.length || a.block.kind.localeCompare(b.block.kind);
}

/** Gives each line its region. Must be shown larger blocks before smaller ones. */
class Identity {
  readonly regionOf = new Map<TreeLine, TextRegion>();
  readonly #signatures: Signatures;
  readonly #kindOf: (line: TreeLine) => RegionKind;
  readonly #notes: Notes;
  readonly #bySignature = new Map<number, Lookalikes>();
  /** Regions that have a block of a kind already: a region has one of each kind at most. */
  readonly #headed = {
    'address-space': new Set<TextRegion>(),
    'memory-region': new Set<TextRegion>(),
  };

  constructor(signatures: Signatures, kindOf: (line: TreeLine) => RegionKind, notes: Notes) {
    this.#signatures = signatures;
    this.#kindOf = kindOf;
    this.#notes = notes;
  }

  identify({ block, root, lines }: BlockLines): void {
    const headed = this.#headed[block.kind];
    const { known, twin } = this.#lookalikes(root).without(block.kind, headed);
    if (known && twin) {
      const message = `${known.label} and ${twin.label} look the same: taken for the first`;
      this.#notes.add('ambiguous-twin', root.line, message);
    }
    if (known) this.#adopt(root, known);
    else for (const line of lines) this.#create(line);
    const region = this.regionOf.get(root);
    if (region) headed.add(region);
  }

  #lookalikes(line: TreeLine): Lookalikes {
    const signature = this.#signatures.of(line);
    const lookalikes = this.#bySignature.get(signature) ?? new Lookalikes();
    this.#bySignature.set(signature, lookalikes);
    return lookalikes;
  }

  #create(line: TreeLine): void {
    const parent = line.parent && this.regionOf.get(line.parent);
    const region = new TextRegion(line, parent, this.#kindOf(line));
    this.regionOf.set(line, region);
    this.#lookalikes(line).regions.push(region);
  }

  /** `root` and all below it show what `known` and all below it do. */
  #adopt(root: TreeLine, known: TextRegion): void {
    const pairs: [TreeLine, TextRegion][] = [[root, known]];
    for (const [line, region] of pairs) {
      this.regionOf.set(line, region);
      for (const [at, child] of line.children.entries()) {
        const same = region.subregions[at];
        if (same) pairs.push([child, same]);
      }
    }
  }
}

/** The kind that a line's type stands for. */
function kindRule(
  blocks: readonly BlockLines[],
  tellsContainers: boolean,
): (line: TreeLine) => RegionKind {
  const roots = new Set(blocks.map(({ block }) => block.kind === 'address-space' && block.root));
  return (line) => {
    if (line.alias) return 'alias';
    if (line.type !== 'i/o') return kindOfType[line.type];
    return tellsContainers ? 'io' : guessKind(line, roots.has(line));
  };
}

/**
 * The likeliest kind of an `i/o` line. Nothing with registers has 4 GiB of them, but a bus has, or a translation.
 * Smaller ones that hold others mostly are containers; a root is the space of I/O ports, which answers itself.
 */
function guessKind({ name, start, end, children }: TreeLine, isRoot: boolean): RegionKind {
  if (BigInt.asUintN(64, end - start) >= 0xffff_ffffn) {
    return children.length === 0 && name.includes('iommu') ? 'iommu' : 'container';
  }
  return children.length === 0 || isRoot ? 'io' : 'container';
}

/** The kinds that the types stand for, but for `i/o`, which can be several. */
export const kindOfType = {
  container: 'container',
  ram: 'ram',
  rom: 'rom',
  romd: 'rom-device',
  ramd: 'ram-device',
} as const;

function collect(
  blocks: readonly BlockLines[],
  { regionOf }: Identity,
): Omit<TextTree, 'tellsContainers'> {
  const regions = new Set<TextRegion>();
  const spaces: { name: string; root: TextRegion }[] = [];
  const targets: { name: string; region: TextRegion }[] = [];
  const aliases: { line: TreeLine; region: TextRegion }[] = [];
  for (const { block, root, lines } of blocks) {
    for (const line of lines) {
      const region = regionOf.get(line) as TextRegion;
      regions.add(region);
      if (line.alias) aliases.push({ line, region });
    }
    const region = regionOf.get(root) as TextRegion;
    if (block.kind === 'memory-region') targets.push({ name: block.names[0] ?? '', region });
    else for (const name of block.names) spaces.push({ name, root: region });
  }
  return { regions: parentsFirst(regions), spaces, targets, aliases };
}

/** A small block can stand before the large one that its regions belong to. */
function parentsFirst(regions: ReadonlySet<TextRegion>): TextRegion[] {
  const ordered = [...regions].filter(({ parent }) => parent === undefined);
  for (const region of ordered) for (const child of region.subregions) ordered.push(child);
  return ordered;
}

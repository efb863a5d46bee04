// Random edits of a topology, as data: fast-check makes them, prints them, and shrinks them.
//
// An edit names regions and address spaces by a number that is taken modulo how many there are, so that an edit stays
// meaningful whatever is left out before it.

import fc from 'fast-check';

export type Kind =
  | 'container'
  | 'io'
  | 'ram'
  | 'rom'
  | 'ram-device'
  | 'rom-device'
  | 'reservation'
  | 'iommu';

export type Flag = 'enabled' | 'readonly' | 'nonvolatile' | 'unmergeable' | 'romd';

/** Flags that a region is made with, beside what its kind gives it. */
export type Flags = Partial<Record<Exclude<Flag, 'romd'>, boolean>>;

export type Edit =
  /** Makes a region and then, if there is a place, puts it there. */
  | {
      readonly do: 'create';
      readonly kind: Kind;
      readonly size: bigint;
      readonly flags: Flags;
      readonly under?: Place;
    }
  | {
      readonly do: 'alias';
      readonly target: number;
      readonly offset: bigint;
      readonly size: bigint;
      readonly flags: Flags;
      readonly under?: Place;
    }
  | { readonly do: 'address space'; readonly root: number }
  | { readonly do: 'destroy address space'; readonly space: number }
  | { readonly do: 'destroy'; readonly region: number }
  | { readonly do: 'add'; readonly region: number; readonly under: Place }
  | { readonly do: 'remove'; readonly region: number }
  | {
      readonly do: 'set address' | 'set size' | 'set alias offset';
      readonly region: number;
      readonly value: bigint;
    }
  | { readonly do: 'set priority'; readonly region: number; readonly value: number }
  | { readonly do: 'set flag'; readonly region: number; readonly flag: Flag; readonly on: boolean }
  | {
      readonly do: 'set dirty log';
      readonly region: number;
      readonly client: 'vga' | 'code' | 'migration';
      readonly on: boolean;
    }
  | { readonly do: 'add ioeventfd'; readonly region: number; readonly ioeventfd: PlainIoEventFd }
  /** Removes the first one, if there is one. */
  | { readonly do: 'remove ioeventfd'; readonly region: number }
  | {
      readonly do: 'add coalesced range';
      readonly region: number;
      readonly offset: bigint;
      readonly size: bigint;
    }
  | { readonly do: 'clear coalesced ranges'; readonly region: number }
  /** Starts or stops watching all memory. */
  | { readonly do: 'log all'; readonly on: boolean }
  | {
      readonly do: 'transaction';
      readonly edits: readonly Edit[];
      /** A listener that throws does so at a call of a given number; where there are fewer, all goes well. */
      readonly ends: 'commit' | 'throw' | { readonly listenerThrowsAt: number };
    };

/** An ioeventfd that matches any value. */
export interface PlainIoEventFd {
  readonly address: bigint;
  readonly size: 0 | 1 | 2 | 4 | 8;
  readonly fd: number;
}

export interface Place {
  readonly parent: number;
  readonly address: bigint;
  readonly priority: number;
}

const END = 1n << 64n;
const PAGE = 0x1000n;

/** The numbers that a run works with: what overlaps, touches and sticks out is what matters. */
interface Numbers {
  readonly address: fc.Arbitrary<bigint>;
  readonly size: fc.Arbitrary<bigint>;
  /** Offsets within regions of the usual sizes. */
  readonly inside: fc.Arbitrary<bigint>;
}

/** A few dozen bytes in which everything overlaps. */
const crowded: Numbers = {
  address: fc.bigInt(0n, 24n),
  size: fc.oneof(
    { weight: 12, arbitrary: fc.bigInt(1n, 24n) },
    { weight: 3, arbitrary: fc.constantFrom(64n, END) },
    { weight: 1, arbitrary: fc.constant(0n) },
  ),
  inside: fc.bigInt(0n, 12n),
};

/** Pages, parts of pages, and both ends of the 64-bit range. */
const wide: Numbers = {
  address: fc.oneof(
    fc.constantFrom(0n, 1n, 8n, PAGE / 2n, PAGE, PAGE + PAGE / 2n, 2n * PAGE, 1n << 32n, 1n << 63n),
    fc.constantFrom(END - 1n, END - PAGE, END - PAGE - 1n, END / 2n - 1n),
    fc.bigInt(0n, END - 1n),
  ),
  size: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        1n,
        8n,
        PAGE / 2n,
        PAGE,
        PAGE + 1n,
        2n * PAGE,
        1n << 32n,
        1n << 63n,
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom(0n, END, END - 1n, END - PAGE) },
    { weight: 1, arbitrary: fc.bigInt(0n, END) },
  ),
  inside: fc.constantFrom(0n, 1n, 4n, PAGE / 2n - 4n, PAGE / 2n, PAGE - 2n, PAGE),
};

const pick = fc.nat({ max: 1000 });
/** More often than not one of those that were made first: the top of the tree. */
const pickParent = fc.oneof(fc.constant(0), fc.nat({ max: 6 }), pick);
const priority = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 2 ** 31 - 1, -(2 ** 31)) },
);
const rarely = fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, fc.constant(true));
const mostly = fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, fc.constant(false));

const flags: fc.Arbitrary<Flags> = fc.record(
  { enabled: mostly, readonly: rarely, nonvolatile: rarely, unmergeable: rarely },
  { requiredKeys: [] },
);

const kind: fc.Arbitrary<Kind> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('container' as const) },
  { weight: 3, arbitrary: fc.constantFrom('io' as const, 'ram' as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Kind>('rom', 'ram-device', 'rom-device', 'reservation', 'iommu'),
  },
);

function place({ address }: Numbers): fc.Arbitrary<Place> {
  return fc.record({ parent: pickParent, address, priority });
}

function newRegion(numbers: Numbers): fc.Arbitrary<Edit> {
  const { size } = numbers;
  const under = place(numbers);
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('create' as const), kind, size, flags, under }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('alias' as const),
        target: pick,
        offset: fc.oneof(fc.constant(0n), numbers.address),
        size,
        flags,
        under,
      }),
    },
  );
}

/**
 * Windows beside each other that show parts beside each other: what merges, unless something keeps them apart. The
 * target is one of the first regions, so that all windows mean the same one.
 */
function neighbours(numbers: Numbers): fc.Arbitrary<Edit[]> {
  const window = fc.record({ flags, priority, gap: fc.constantFrom(0n, 0n, 0n, 1n) });
  return fc
    .record({
      target: fc.nat({ max: 4 }),
      width: fc.constantFrom(1n, 2n, 4n),
      offset: numbers.inside,
      under: place(numbers),
      windows: fc.array(window, { minLength: 2, maxLength: 4 }),
    })
    .map(({ target, width, offset, under, windows }) =>
      windows.map((it, i) => ({
        do: 'alias' as const,
        target,
        offset: offset + BigInt(i) * width + it.gap,
        size: width,
        flags: it.flags,
        under: {
          ...under,
          address: (under.address + BigInt(i) * width) % END,
          priority: it.priority,
        },
      })),
    );
}

/** One change of what is there: setters, moves, removals, address spaces. */
function change(numbers: Numbers): fc.Arbitrary<Edit> {
  const { address, size } = numbers;
  const region = pick;
  return fc.oneof(
    fc.record({ do: fc.constant('add' as const), region, under: place(numbers) }),
    fc.record({ do: fc.constant('remove' as const), region }),
    fc.record({ do: fc.constant('destroy' as const), region }),
    fc.record({
      do: fc.constantFrom('set address' as const, 'set alias offset' as const),
      region,
      value: address,
    }),
    fc.record({ do: fc.constant('set size' as const), region, value: size }),
    fc.record({ do: fc.constant('set priority' as const), region, value: priority }),
    fc.record({
      do: fc.constant('set flag' as const),
      region,
      flag: fc.constantFrom<Flag>('enabled', 'readonly', 'nonvolatile', 'unmergeable', 'romd'),
      on: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('set dirty log' as const),
      region,
      client: fc.constantFrom('vga' as const, 'code' as const, 'migration' as const),
      on: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('add ioeventfd' as const),
      region,
      ioeventfd: fc.record({
        address: numbers.inside,
        size: fc.constantFrom<PlainIoEventFd['size']>(0, 1, 2, 4, 8),
        fd: fc.nat({ max: 3 }),
      }),
    }),
    fc.record({
      do: fc.constant('add coalesced range' as const),
      region,
      offset: numbers.inside,
      size: numbers.inside,
    }),
    fc.record({
      do: fc.constantFrom('remove ioeventfd' as const, 'clear coalesced ranges' as const),
      region,
    }),
    fc.record({ do: fc.constant('log all' as const), on: fc.boolean() }),
    fc.record({ do: fc.constant('address space' as const), root: pick }),
    fc.record({ do: fc.constant('destroy address space' as const), space: pick }),
  );
}

function transaction(edit: fc.Arbitrary<Edit>): fc.Arbitrary<Edit> {
  return fc.record({
    do: fc.constant('transaction' as const),
    edits: fc.array(edit, { maxLength: 6, size: 'max' }),
    ends: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('commit' as const, 'commit' as const, 'throw' as const),
      },
      fc.record({ listenerThrowsAt: fc.nat({ max: 20 }) }),
    ),
  });
}

/** The first edits of every run: a root as large as all addresses, and an address space of it. */
const beginning: readonly Edit[] = [
  { do: 'create', kind: 'container', size: END, flags: {} },
  { do: 'address space', root: 0 },
];

function treeOf(numbers: Numbers): fc.Arbitrary<Edit> {
  const spaces: fc.Arbitrary<Edit[]> = fc.array(
    fc.record({ do: fc.constant('address space' as const), root: pickParent }),
    { maxLength: 3, size: 'max' },
  );
  const part = fc.oneof(
    { weight: 6, arbitrary: newRegion(numbers).map((edit) => [edit]) },
    { weight: 1, arbitrary: neighbours(numbers) },
  );
  return fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 20, size: 'max' }), spaces)
    .map(([parts, more]) => ({
      do: 'transaction',
      edits: [...beginning, ...parts.flat(), ...more],
      ends: 'commit',
    }));
}

function editsOf(numbers: Numbers): fc.Arbitrary<Edit[]> {
  const simple = fc.oneof(
    { weight: 1, arbitrary: newRegion(numbers) },
    { weight: 3, arbitrary: change(numbers) },
  );
  const nested = fc.oneof({ weight: 5, arbitrary: simple }, transaction(simple));
  const any = fc.oneof({ weight: 4, arbitrary: simple }, transaction(nested));
  return fc
    .tuple(treeOf(numbers), fc.array(any, { minLength: 1, maxLength: 20, size: 'max' }))
    .map(([tree, edits]) => [tree, ...edits]);
}

/** A random tree with some address spaces, built in one transaction. */
export const randomTree: fc.Arbitrary<Edit> = fc.oneof(treeOf(crowded), treeOf(wide));

/** A random tree and then random edits of it. */
export const randomEdits: fc.Arbitrary<Edit[]> = fc.oneof(editsOf(crowded), editsOf(wide));

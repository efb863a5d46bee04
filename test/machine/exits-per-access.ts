// What an access of a guest to a device's BAR costs: measured inside, and shown in docs/hardware.md.

/** A place of a BAR, and what KVM counts of each access there. */
export interface ExitsRow {
  readonly place: string;
  readonly exits: number;
  /** Why. */
  readonly because: string;
}

export const exitsPerAccess = {
  page: { place: 'a BAR of pages', exits: 0, because: 'a slot' },
  aligned: {
    place: 'a BAR of 256 bytes, at the start of a page',
    exits: 0,
    because: 'grown to its page: a slot',
  },
  unaligned: { place: 'the same, within a page', exits: 1, because: '`unaligned`' },
  shared: {
    place: 'the same, at the start of a page that another BAR is in',
    exits: 1,
    because: '`neighbour`',
  },
  quirk: { place: 'a page that a quirk of eight bytes is in', exits: 1, because: '`cut`' },
  besideQuirk: { place: 'the next page of the same BAR', exits: 0, because: 'a slot' },
} as const satisfies Readonly<Record<string, ExitsRow>>;

export type MeasuredPlace = keyof typeof exitsPerAccess;

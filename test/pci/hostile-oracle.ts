// What must be so whatever the guest has done, found out from the bytes of the configuration spaces alone.

import assert from 'node:assert/strict';
import {
  type AddressSpace,
  type AliasRegion,
  HostMemory,
  type MemoryRegion,
} from '../../lib/index.js';
import { mapPages, planCost, planMappings } from '../../lib/mapping/index.js';
import { type PciBar, planBarPages } from '../../lib/pci/index.js';
import { fixedRanges, type HostileMachine } from './hostile-machine.js';

const pageSize = 0x1000n;

/** Where a BAR decodes, from the bytes of its function's configuration space, by QEMU's rule (hw/pci: pci_bar_address), and PCI's for D-states. */
function decodedAt(bytes: DataView, { layout }: PciBar, ioEnd: bigint): bigint | undefined {
  const { index, kind, size, is64Bit } = layout;
  const register = index === 6 ? 0x30 : 0x10 + 4 * index;
  const low = BigInt(bytes.getUint32(register, true));
  const high = is64Bit ? BigInt(bytes.getUint32(register + 4, true)) : 0n;
  const command = bytes.getUint16(4, true);
  const power = capabilityAt(bytes, 1);
  const isOff =
    (command & (kind === 'io' ? 1 : 2)) === 0 ||
    (kind === 'rom' && (low & 1n) === 0n) ||
    (power !== undefined && (bytes.getUint8(power + 4) & 3) !== 0);
  const value = (high << 32n) | low;
  const address = value - (value % size);
  const limit = kind === 'io' ? ioEnd : is64Bit ? 1n << 64n : 0xffff_ffffn;
  const isPlace = address !== 0n && address < limit;
  const isLast = address + size > (is64Bit ? lastHalf(size) : 0xffff_ffffn);
  return !isOff && isPlace && !isLast ? address : undefined;
}

/** The first address of which the upper half is all ones: a 64-bit BAR that ends there or behind is being sized. */
function lastHalf(size: bigint): bigint {
  return size > 1n << 32n ? (1n << 64n) - size : 0xffff_ffffn << 32n;
}

function capabilityAt(bytes: DataView, id: number): number | undefined {
  let at = bytes.getUint8(0x34);
  while (at !== 0 && bytes.getUint8(at) !== id) at = bytes.getUint8(at + 1);
  return at === 0 ? undefined : at;
}

/** A BAR that is to show. */
interface Shown {
  readonly bar: PciBar;
  readonly address: bigint;
}

/** What a stretch of addresses is to show. */
interface Stretch {
  readonly first: bigint;
  readonly last: bigint;
  readonly name: string;
  /** Offset of `first` in what shows. */
  readonly offset: bigint;
}

/**
 * Follows the guest from outside, and knows what it is to see. The order in which BARs came is the only thing that it
 * remembers.
 */
export class HostileOracle {
  readonly #machine: HostileMachine;
  /** BARs that are somewhere, those that came last at the end, and where they are. */
  #order: Shown[] = [];
  readonly #ramSlots: readonly string[];
  #seen: readonly unknown[] = [];

  constructor(machine: HostileMachine) {
    this.#machine = machine;
    this.#ramSlots = this.#slotsOfRam();
  }

  /** Checks the machine, after a write that can have moved BARs. Where nothing has moved, most of it is as it was. */
  check(): void {
    const { memory, io } = this.#machine;
    const changed = this.#follow();
    this.#checkRevoked();
    const views = [memory.flatView, io.flatView];
    if (!changed && views.every((view, i) => view === this.#seen[i])) return;
    this.#seen = views;
    this.#checkPlans();
    this.#checkSpace(memory, 'memory', fixedRanges);
    this.#checkSpace(io, 'io', [
      { name: 'post', address: 0x80n, size: 1n },
      { name: 'pci config ports', address: 0xcf8n, size: 8n },
    ]);
    this.#checkExplanation();
    this.#checkSlots();
  }

  /** A kernel has refused something: what is above what is as the tree has it. */
  forgetOrder(): void {
    const { stacking } = this.#machine.bus.save();
    this.#order = stacking.flatMap(({ requesterId, bar }) => {
      const found = this.#machine.bus.functions
        .get(requesterId)
        ?.bars.find(({ layout }) => layout.index === bar);
      return found?.address === undefined ? [] : [{ bar: found, address: found.address }];
    });
  }

  /** Takes over where BARs are to be. Returns whether any has come, gone or moved. */
  #follow(): boolean {
    const { bus } = this.#machine;
    const refused = new Set(bus.space.refused);
    const before = new Map(this.#order.map(({ bar, address }) => [bar, address]));
    let changed = false;
    for (const pci of bus.functions.values()) {
      const bytes = new DataView(pci.config.save().buffer);
      for (const bar of pci.bars) {
        const wanted = decodedAt(bytes, bar, 0x1_0000n);
        assert.equal(bar.decode.address, wanted, `${bar.label} decodes elsewhere`);
        const address = refused.has(bar) ? bar.address : wanted;
        assert.equal(bar.address, address, `${bar.label} is elsewhere`);
        assert.equal(bar.refusal !== undefined, refused.has(bar), `${bar.label}: refusal`);
        if (address === before.get(bar)) continue;
        changed = true;
        this.#order = this.#order.filter((it) => it.bar !== bar);
        if (address !== undefined) this.#order.push({ bar, address });
      }
    }
    return changed;
  }

  /** Each plan is the page policy's, asked with all BARs that there are. */
  #checkPlans(): void {
    const placed = this.#order.filter(({ bar }) => bar.layout.kind !== 'io');
    for (const { bar, address } of placed) {
      const { size } = bar.layout;
      const neighbours = placed
        .filter((it) => it.bar !== bar)
        .map((it) => ({ address: it.address, size: it.bar.layout.size }));
      const { pages } = bar.backing;
      assert.deepEqual(bar.plan, planBarPages({ address, size, pages, neighbours, pageSize }));
    }
  }

  /**
   * Nothing is exposed and nothing is forgotten: each address shows what wins there and at the right offset, or nothing
   * where nothing is.
   */
  #checkSpace(
    space: AddressSpace,
    kind: 'memory' | 'io',
    fixed: readonly { readonly name: string; readonly address: bigint; readonly size: bigint }[],
  ): void {
    const bars = this.#order
      .filter(({ bar }) => (bar.layout.kind === 'io') === (kind === 'io'))
      .map(({ bar, address }) => ({
        name: bar.backing.region.name,
        address,
        size: bar.plan.size,
        priority: bar.plan.priority,
      }))
      .reverse()
      .sort((a, b) => b.priority - a.priority);
    const end = kind === 'io' ? 0x1_0000n : 1n << 64n;
    const owners = ownersOf(this.#order.map(({ bar }) => bar));
    assert.deepEqual(shownBy(space, owners), paint([...fixed, ...bars], end));
  }

  /** A device that does not decode takes back what is mapped of it: nobody may be shown that. */
  #checkRevoked(): void {
    const { revoked, memory } = this.#machine;
    if (revoked.size === 0) return;
    for (const { region } of memory.flatView.ranges()) {
      const shown = 'memory' in region ? region.memory : undefined;
      assert.ok(!(shown instanceof HostMemory && revoked.has(shown)), `${region.label} is revoked`);
    }
  }

  /** What doesn't show though it is there is among what is shadowed: looked at for the BAR that has waited longest. */
  #checkExplanation(): void {
    const [{ bar, address } = {}] = this.#order;
    if (bar === undefined || address === undefined) return;
    const space = bar.layout.kind === 'io' ? this.#machine.io : this.#machine.memory;
    const { winner, shadowed } = space.explain(address);
    const there = [winner, ...shadowed].flatMap((it) => it?.path.map(({ region }) => region) ?? []);
    assert.ok(there.includes(bar.backing.region), `${bar.label} is forgotten`);
  }

  /** The slots are what the flat view asks for, the kernel's are those that the listener believes in, and RAM's are as ever. */
  #checkSlots(): void {
    const { kvm, slots, memory } = this.#machine;
    assert.deepEqual(
      kvm.slots.map(slotLine).sort(),
      slots.slots.map((it) => slotLine({ ...it, guestAddress: it.address })).sort(),
    );
    const { mappings } = mapPages(memory.flatView.ranges(), slotRules);
    const plan = planMappings(slots.slots, mappings, { canMove: () => true });
    assert.equal(planCost(plan).calls, 0, 'planned from nothing, there would be something to do');
    assert.deepEqual(this.#slotsOfRam(), this.#ramSlots);
  }

  #slotsOfRam(): string[] {
    const ram = new Set(['ram', 'high ram', 'rom']);
    return this.#machine.slots.slots
      .filter(({ region }) => ram.has(region.name))
      .map((it) => slotLine({ ...it, guestAddress: it.address }));
  }
}

const slotRules = {
  pageSize,
  largestMapping: pageSize << 30n,
  kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device'] as const),
  canMapReadonly: true,
  windows: [{ address: 0n, size: 1n << 46n }],
};

function slotLine(slot: {
  readonly slot: number;
  readonly guestAddress: bigint;
  readonly size: bigint;
  readonly hostAddress: bigint;
}): string {
  return [slot.slot, slot.guestAddress, slot.size, slot.hostAddress].join(' ');
}

/** Whose a region is, and where its first byte lies in that. */
interface Owner {
  readonly name: string;
  readonly start: bigint;
}

/** Whose each region is that lies in a BAR, or shows there by an alias. */
function ownersOf(bars: readonly PciBar[]): ReadonlyMap<MemoryRegion, Owner> {
  const owners = new Map<MemoryRegion, Owner>();
  const claim = (region: MemoryRegion, owner: Owner): void => {
    owners.set(region, owner);
    for (const child of region.subregions) {
      const start = owner.start + child.address;
      if (child.kind === 'alias') {
        const { target, offset } = child as AliasRegion;
        claim(target, { ...owner, start: start - offset });
      } else claim(child, { ...owner, start });
    }
  };
  for (const { backing } of bars) claim(backing.region, { name: backing.region.name, start: 0n });
  return owners;
}

/** What `space` shows. What lies in a BAR is the BAR's. */
function shownBy(space: AddressSpace, owners: ReadonlyMap<MemoryRegion, Owner>): Stretch[] {
  return joined(
    [...space.flatView.ranges()].map(({ address, last, region, offset }) => {
      const { name, start } = owners.get(region) ?? { name: region.name, start: 0n };
      return { first: address, last, name, offset: offset + start };
    }),
  );
}

/** What ranges show, of which each wins over those behind it. */
function paint(
  ranges: readonly { readonly name: string; readonly address: bigint; readonly size: bigint }[],
  end: bigint,
): Stretch[] {
  const edges = ranges.flatMap(({ address, size }) => [address, address + size]);
  const ascending = [...new Set(edges)]
    .filter((edge) => edge < end)
    .sort((a, b) => (a < b ? -1 : 1));
  const stretches = ascending.flatMap((first, i) => {
    const winner = ranges.find(({ address, size }) => address <= first && first - address < size);
    if (winner === undefined) return [];
    const last = (ascending[i + 1] ?? end) - 1n;
    return [{ first, last, name: winner.name, offset: first - winner.address }];
  });
  return joined(stretches);
}

/** Without seams within one and the same thing. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = [];
  for (const it of stretches) {
    const before = result.at(-1);
    const isSame =
      before !== undefined &&
      before.name === it.name &&
      before.last + 1n === it.first &&
      it.offset - before.offset === it.first - before.first;
    if (isSame) result[result.length - 1] = { ...before, last: it.last };
    else result.push(it);
  }
  return result;
}

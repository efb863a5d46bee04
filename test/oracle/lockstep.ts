// A topology and the oracle's model of it, given the same edits and compared after each.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type AddressSpace,
  type AliasRegion,
  type ErrorCode,
  type Explanation,
  type FlatView,
  FlatviewError,
  type MemoryRegion,
  MemoryTopology,
  type RomDeviceRegion,
} from '../../lib/index.js';
import { describe } from './corpus-tree.js';
import type { Edit, Flags, Kind } from './edits.js';
import {
  CostlyTree,
  EndlessTree,
  everyoneAt,
  type PaintedRange,
  paint,
  viewRoot,
} from './painter.js';
import type { PlainRegion } from './plain-region.js';
import { PlainTopology, type SetEdit, type SimpleEdit } from './plain-topology.js';
import { Saboteur } from './saboteur.js';
import { rangeLineWithMask, ViewFollower } from './view-follower.js';

/** What an outermost edit must come to. */
type Outcome = 'fine' | 'endless' | 'costly';

/** With these a commit refuses what can't be rendered. */
const ENDLESS_CODES: readonly ErrorCode[] = [
  'ERR_ALIAS_RECURSION',
  'ERR_TOO_DEEP',
  'ERR_VIEW_TOO_LARGE',
];

const NO_TRANSLATION = { translate: () => undefined };

/** Trees that take the painter longer are left out. */
const MAX_VISITS = 500;

const ADDRESS_LIMIT = 1n << 64n;
const LAST_ADDRESS = ADDRESS_LIMIT - 1n;

/** So many ranges of a view are explained. */
const MAX_EXPLAINED = 4;

/** Thrown out of a transaction to have it undone. */
class ChangedMind extends Error {}

/** Who follows the changes. */
export interface Followers {
  /** One listener for each address space, or one for all. */
  readonly each: boolean;
  readonly hearNops: boolean;
}

export const followers: fc.Arbitrary<Followers> = fc.record({
  each: fc.boolean(),
  hearNops: fc.boolean(),
});

export class Lockstep {
  readonly topology: MemoryTopology = new MemoryTopology();
  readonly model: PlainTopology = new PlainTopology();
  readonly #regions: MemoryRegion[] = [];
  readonly #spaces: AddressSpace[] = [];
  readonly #followers: Followers;
  readonly #follower: ViewFollower;
  readonly #ownFollowers = new Map<AddressSpace, ViewFollower>();
  readonly #saboteurs: readonly Saboteur[] = [new Saboteur(-1), new Saboteur(1)];

  constructor(followers: Followers) {
    this.#followers = followers;
    this.#follower = new ViewFollower(followers.hearNops);
    for (const saboteur of this.#saboteurs) this.topology.addListener(saboteur);
    if (!followers.each) this.topology.addListener(this.#follower);
  }

  /** Makes an edit on both sides. */
  run(edit: Edit): void {
    const outcome = this.#foresee(edit);
    if (outcome === 'costly') return;
    const before = this.model.save();
    const views = this.#views();
    const sabotage = edit.do === 'transaction' && typeof edit.ends === 'object';
    if (sabotage) this.#arm(edit.ends.listenerThrowsAt);
    try {
      this.#perform(edit);
      assert.notEqual(outcome, 'endless', 'a tree without end was rendered');
      // Left alone: what stays as it is is not deleted and added, not even for a moment.
      assert.deepEqual(this.#takeNeedless(), []);
    } catch (error) {
      if (!(error instanceof FlatviewError)) throw error;
      const codes: readonly ErrorCode[] =
        outcome === 'endless' ? ENDLESS_CODES : sabotage ? ['ERR_LISTENER_FAILED'] : [];
      if (!codes.includes(error.code)) throw error;
      assert.deepEqual(error.undoFailures ?? [], []);
      this.model.restore(before);
      assertSame(this.#views(), views);
      this.#takeNeedless();
    }
    for (const saboteur of this.#saboteurs) saboteur.disarm();
    this.#followNewSpaces();
  }

  /** Compares everything that can be seen of the two. */
  compare(): void {
    this.#compareTrees();
    assert.deepEqual(
      this.topology.addressSpaces,
      this.#spaces.filter((_, i) => this.model.spaces[i]?.live),
    );
    for (const [space, root] of this.#liveSpaces()) {
      const painted = paint(root);
      const lines = painted.map((range) =>
        describe({ ...range, dirtyLogMask: this.model.maskOf(range.region) }),
      );
      assertLines(Array.from(space.flatView.ranges(), rangeLineWithMask), lines, 'view');
      assert.equal(space.flatView.rangeCount, lines.length);
      assert.equal(space.flatView.root?.name, viewRoot(root)?.name, 'view root');
      const follower = this.#ownFollowers.get(space) ?? this.#follower;
      assertLines(follower.view(space), lines, 'what a listener was told');
      const extras = painted.flatMap((range) => this.model.extrasOf(range)).sort();
      assertLines(follower.extras(space), extras, 'ioeventfds and coalesced ranges');
      compareLookups(space, painted);
    }
    this.#compareSharing();
  }

  /** Compares who lies at some addresses: the first ones of ranges, the last ones, and what is behind them. */
  compareExplanations(): void {
    for (const [space, root] of this.#liveSpaces()) {
      for (const { first, last } of paint(root).slice(0, MAX_EXPLAINED)) {
        for (const address of [first, last, (last + 1n) % ADDRESS_LIMIT]) {
          const ours = explainedNames(space.explain(address));
          const oracle = everyoneAt(root, address).map(({ name }) => name);
          assertLines(ours, oracle, `who lies at ${address}`);
        }
      }
    }
  }

  close(): void {
    this.topology.close();
  }

  #foresee(edit: Edit): Outcome {
    const saved = this.model.save();
    try {
      this.#imagine(edit);
      for (const { root, live } of this.model.spaces) if (live) paint(root, MAX_VISITS);
      return 'fine';
    } catch (error) {
      if (error instanceof EndlessTree) return 'endless';
      if (error instanceof CostlyTree) return 'costly';
      throw error;
    } finally {
      this.model.restore(saved);
      this.model.forget(saved);
    }
  }

  /** Makes an edit in the model alone. */
  #imagine(edit: Edit): void {
    if (edit.do === 'transaction') {
      const saved = this.model.save();
      for (const inner of edit.edits) this.#imagine(inner);
      if (edit.ends === 'throw') this.model.restore(saved);
      return;
    }
    for (const call of this.model.calls(edit)) {
      if (this.model.applies(call) && this.model.refusals(call).length === 0)
        this.model.apply(call);
    }
  }

  #perform(edit: Edit): void {
    if (edit.do === 'transaction') this.#performTransaction(edit);
    else for (const call of this.model.calls(edit)) this.#performCall(call);
  }

  #performTransaction({ edits, ends }: Extract<Edit, { do: 'transaction' }>): void {
    const saved = this.model.save();
    try {
      this.topology.transaction(() => {
        for (const edit of edits) this.#perform(edit);
        if (ends === 'throw') throw new ChangedMind();
      });
    } catch (error) {
      if (!(error instanceof ChangedMind)) throw error;
      this.model.restore(saved);
    }
  }

  #performCall(call: SimpleEdit): void {
    if (!this.model.applies(call)) return;
    const codes = this.model.refusals(call);
    if (codes.length === 0) {
      this.#make(call);
      this.model.apply(call);
      return;
    }
    const isWanted = (error: unknown): boolean =>
      error instanceof FlatviewError && codes.includes(error.code);
    assert.throws(() => this.#make(call), isWanted, `refused with one of ${codes.join(', ')}`);
  }

  /** Makes a call of the public API. */
  #make(call: SimpleEdit): void {
    switch (call.do) {
      case 'create':
        this.#regions.push(this.#create(call.kind, call.size, call.flags));
        break;
      case 'alias': {
        const { target, offset, size, flags } = call;
        const options = { ...flags, offset, size };
        this.#regions.push(this.topology.alias(this.#nextName, this.#region(target), options));
        break;
      }
      case 'address space':
        this.#spaces.push(this.topology.addressSpace('space', this.#region(call.root)));
        break;
      case 'destroy address space':
        this.#space(call.space).destroy();
        break;
      case 'add': {
        const { parent, address, priority } = call.under;
        this.#region(parent).addSubregion(address, this.#region(call.region), { priority });
        break;
      }
      case 'remove': {
        const region = this.#region(call.region);
        (region.parent ?? this.#region(0)).removeSubregion(region);
        break;
      }
      case 'log all':
        if (call.on) this.topology.startDirtyLog();
        else this.topology.stopDirtyLog();
        break;
      case 'destroy':
        this.#region(call.region).destroy();
        break;
      case 'add ioeventfd':
        this.#region(call.region).addIoEventFd({ ...call.ioeventfd, data: undefined });
        break;
      case 'remove ioeventfd': {
        const region = this.#region(call.region);
        region.removeIoEventFd(at(region.ioeventfds, 0));
        break;
      }
      case 'add coalesced range':
        this.#region(call.region).addCoalescedRange(call.offset, call.size);
        break;
      case 'clear coalesced ranges':
        this.#region(call.region).clearCoalescedRanges();
        break;
      default:
        set(this.#region(call.region), call);
    }
  }

  #create(kind: Kind, size: bigint, flags: Flags): MemoryRegion {
    const { topology } = this;
    const name = this.#nextName;
    const memory = { ...flags, backing: 'none' } as const;
    const makers: Record<Kind, () => MemoryRegion> = {
      container: () => topology.container(name, size, flags),
      io: () => topology.io(name, size, {}, flags),
      ram: () => topology.ram(name, size, memory),
      rom: () => topology.rom(name, size, memory),
      'ram-device': () => topology.ramDevice(name, size, memory),
      'rom-device': () => topology.romDevice(name, size, {}, memory),
      reservation: () => topology.reservation(name, size, flags),
      iommu: () => topology.iommu(name, size, NO_TRANSLATION, flags),
    };
    return makers[kind]();
  }

  get #nextName(): string {
    return `r${this.#regions.length}`;
  }

  #region(number: number): MemoryRegion {
    return at(this.#regions, number);
  }

  #space(number: number): AddressSpace {
    return at(this.#spaces, number);
  }

  #arm(call: number): void {
    at(this.#saboteurs, call).arm(Math.floor(call / this.#saboteurs.length));
  }

  #followNewSpaces(): void {
    if (!this.#followers.each) return;
    for (const space of this.topology.addressSpaces) {
      if (this.#ownFollowers.has(space)) continue;
      const follower = new ViewFollower(this.#followers.hearNops);
      space.addListener(follower);
      this.#ownFollowers.set(space, follower);
    }
  }

  *#liveSpaces(): Generator<readonly [AddressSpace, PlainRegion]> {
    for (const [i, { live, root }] of this.model.spaces.entries()) {
      if (live) yield [this.#space(i), root];
    }
  }

  #takeNeedless(): string[] {
    const followers = [this.#follower, ...this.#ownFollowers.values()];
    return followers.flatMap((follower) => follower.takeNeedless());
  }

  #views(): FlatView[] {
    return this.topology.addressSpaces.map(({ flatView }) => flatView);
  }

  #compareTrees(): void {
    for (const [i, { region: plain, destroyed }] of this.model.regions.entries()) {
      const region = this.#region(i);
      assert.equal(region.isDestroyed, destroyed, plain.name);
      if (!destroyed) assert.equal(treeLine(region), plainTreeLine(plain));
    }
  }

  /** Two address spaces have one view exactly where the rules say so. */
  #compareSharing(): void {
    const viewOfRoot = new Map<PlainRegion | undefined, FlatView>();
    const rootOfView = new Map<FlatView, PlainRegion | undefined>();
    for (const [{ flatView }, root] of this.#liveSpaces()) {
      const shown = viewRoot(root);
      assert.equal(viewOfRoot.get(shown) ?? flatView, flatView, 'one view for one root');
      assert.equal(rootOfView.has(flatView) ? rootOfView.get(flatView) : shown, shown);
      viewOfRoot.set(shown, flatView);
      rootOfView.set(flatView, shown);
    }
  }
}

function set(region: MemoryRegion, call: SetEdit): void {
  switch (call.do) {
    case 'set address':
      region.address = call.value;
      break;
    case 'set size':
      region.size = call.value;
      break;
    case 'set priority':
      region.priority = call.value;
      break;
    case 'set alias offset':
      assert.equal(region.kind, 'alias');
      (region as AliasRegion).offset = call.value;
      break;
    case 'set flag':
      if (call.flag !== 'romd') region[call.flag] = call.on;
      else (region as RomDeviceRegion).romd = call.on;
      break;
    case 'set dirty log':
      region.setDirtyLog(call.client, call.on);
      break;
  }
}

/** Everything of a region that an edit can change. */
function treeLine(region: MemoryRegion): string {
  const { address, size, priority, enabled, readonly, nonvolatile, unmergeable } = region;
  const offset = region.kind === 'alias' ? (region as AliasRegion).offset : 0n;
  const parts = [region.name, address, size, priority, enabled, readonly, nonvolatile, unmergeable];
  const children = region.subregions.map(({ name }) => name);
  return [...parts, region.dirtyLogMask, offset, region.parent?.name, ...children].join(' ');
}

function plainTreeLine(region: PlainRegion): string {
  const { address, size, priority, enabled, readonly, nonvolatile, unmergeable } = region;
  const offset = region.alias?.offset ?? 0n;
  const parts = [region.name, address, size, priority, enabled, readonly, nonvolatile, unmergeable];
  const children = region.subregions.map(({ name }) => name);
  return [...parts, region.dirtyLogMask, offset, region.parent?.name, ...children].join(' ');
}

/** The winner and then everyone who is only below it: not those who are hidden or clipped. */
function explainedNames({ winner, shadowed }: Explanation): string[] {
  const below = shadowed.filter(
    ({ reason: { code } }) => code !== 'disabled' && code !== 'clipped',
  );
  return [...(winner ? [winner] : []), ...below].map(({ region }) => region.name);
}

/** Both ends of each range, and what is just outside of them. */
function compareLookups({ flatView }: AddressSpace, painted: readonly PaintedRange[]): void {
  for (const [i, { first, last, region }] of painted.entries()) {
    assert.equal(flatView.lookup(first)?.region.name, region.name);
    assert.equal(flatView.lookup(last)?.address, first);
    const isNext = painted[i + 1]?.first === last + 1n;
    if (isNext || last === LAST_ADDRESS) continue;
    assert.equal(flatView.lookup(last + 1n), undefined);
  }
  const lowest = painted[0]?.first ?? 1n;
  if (lowest !== 0n) assert.equal(flatView.lookup(0n), undefined);
}

/** After something was undone there are the same views, not only equal ones. */
function assertSame(views: readonly FlatView[], before: readonly FlatView[]): void {
  assert.equal(views.length, before.length);
  for (const [i, view] of views.entries()) assert.equal(view, before[i]);
}

/** Compares quickly, and says more when it fails. */
function assertLines(ours: readonly string[], oracle: readonly string[], what: string): void {
  if (ours.join('\n') !== oracle.join('\n')) assert.deepEqual(ours, oracle, what);
}

function at<Item>(items: readonly Item[], number: number): Item {
  const item = items[number % items.length];
  assert.ok(item, 'an edit of something before there is any');
  return item;
}

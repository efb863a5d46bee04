// A guest's boot, as the corpus recorded it: the calls that QEMU's devices made to its memory core while firmware and
// kernel programmed the machine.

import {
  type CorpusRegion,
  type RegionId,
  readSequence,
  type SequenceOp,
} from '../../test/corpus/corpus.js';
import type { Call, Trace } from './trace.js';

/** The trace of one of the corpus' sequences, with `listeners` on its first address space, the processor's. */
export function bootTrace(sequence: string, listeners: number): Trace {
  const { initial, steps } = readSequence(sequence);
  const translation = new Translation();
  const build: Call[] = [
    ['begin'],
    ...translation.regions(initial.regions),
    ...initial.address_spaces.map(({ root }) => translation.space(root)),
    ['commit'],
    ...Array.from({ length: listeners }, (): Call => ['listen', 0]),
  ];
  return {
    build,
    steps: steps.map(({ ops }) => ops.flatMap((op) => translation.calls(op))),
    lookups: [],
  };
}

/** From the corpus' calls to ours, which know nothing but numbers. */
class Translation {
  readonly #made = new Map<RegionId, CorpusRegion>();
  #spaces = 0;

  space(root: RegionId): Call {
    return ['space', this.#spaces++, root];
  }

  /** A whole tree: targets before their aliases, then children from the lowest to the highest. */
  regions(regions: readonly CorpusRegion[]): Call[] {
    const byId = new Map(regions.map((region) => [region.id, region]));
    const created = new Set<RegionId>();
    const create = (region: CorpusRegion): Call[] => {
      if (created.has(region.id)) return [];
      created.add(region.id);
      const target = region.alias && byId.get(region.alias.target);
      return [...(target ? create(target) : []), ...this.#create(region)];
    };
    const upwards = [...regions].sort((a, b) => b.order - a.order);
    return [
      ...regions.flatMap(create),
      ...upwards.flatMap((it) => (it.parent === null ? [] : [this.#add(it.parent, it.id)])),
    ];
  }

  calls(op: SequenceOp): Call[] {
    switch (op.op) {
      case 'begin':
      case 'commit':
        return [[op.op]];
      case 'create':
        return this.#create(op.region);
      case 'attach_list':
        return [...op.children].reverse().map((child) => this.#add(op.parent, child));
      case 'add':
        return [['add', op.parent, op.region, BigInt(op.addr), op.priority]];
      case 'del':
        return [['remove', op.parent, op.region]];
      case 'set_address':
        return [['address', op.region, BigInt(op.addr)]];
      case 'set_enabled':
        return [['enabled', op.region, op.value ? 1 : 0]];
      case 'set_readonly':
        return [['readonly', op.region, op.value ? 1 : 0]];
      case 'set_nonvolatile':
        return [['nonvolatile', op.region, op.value ? 1 : 0]];
      case 'set_romd':
        return [['romd', op.region, op.value ? 1 : 0]];
      case 'set_size':
        return [['size', op.region, BigInt(op.value)]];
      case 'set_alias_offset':
        return [['offset', op.region, BigInt(op.value)]];
      case 'as_init':
        return [this.space(op.root)];
      default:
        throw new Error(`a trace has no ${op.op}`);
    }
  }

  #add(parent: RegionId, child: RegionId): Call {
    const region = this.#made.get(child);
    if (region === undefined) throw new Error(`no region ${child} yet`);
    return ['add', parent, child, BigInt(region.addr), region.priority];
  }

  #create(region: CorpusRegion): Call[] {
    const { id, alias } = region;
    this.#made.set(id, region);
    const size = BigInt(region.size);
    return [
      alias === undefined
        ? [kindOf(region), id, size]
        : ['alias', id, alias.target, BigInt(alias.offset), size],
      ...(region.enabled ? [] : [['enabled', id, 0] as const]),
      ...(region.readonly ? [['readonly', id, 1] as const] : []),
      ...(region.nonvolatile ? [['nonvolatile', id, 1] as const] : []),
      ...(region.rom_device && !region.romd ? [['romd', id, 0] as const] : []),
      ...(region.parent === null && BigInt(region.addr) !== 0n
        ? [['address', id, BigInt(region.addr)] as const]
        : []),
    ];
  }
}

/** An IOMMU region answers at its addresses as an io region does; what it translates plays no part here. */
function kindOf(region: CorpusRegion): 'container' | 'io' | 'ram' | 'ram-device' | 'rom-device' {
  if (region.rom_device) return 'rom-device';
  if (region.ram_device) return 'ram-device';
  if (region.ram) return 'ram';
  return region.terminates ? 'io' : 'container';
}

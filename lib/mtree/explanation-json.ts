import { hex } from '../address.js';
import type {
  ExplainedRegion,
  Explanation,
  ListenerVerdict,
  PathStep,
  ShadowedRegion,
} from '../memory/explain/explain.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { reasonText } from './explanation-text.js';
import { regionType } from './region-type.js';

/**
 * An explanation for programs, as `docs/command-line.md` describes it: numbers of 64 bits are hex strings.
 *
 * @example
 * ```ts
 * import { explanationJson, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1000n, { backing: 'none' });
 * const explanation = topology.addressSpace('memory', ram).explain(0x1000n);
 * explanationJson(explanation);
 * // => {
 * //   address_space: 'memory',
 * //   address: '0x1000',
 * //   winner: null,
 * //   shadowed: [],
 * //   verdicts: [],
 * //   complete: true,
 * // }
 * topology.close();
 * ```
 */
export function explanationJson(explanation: Explanation): object {
  const { addressSpace, address, winner, shadowed, verdicts, complete } = explanation;
  return {
    address_space: addressSpace.name,
    address: hex(address),
    winner: winner ? explainedJson(winner) : null,
    shadowed: shadowed.map(shadowedJson),
    verdicts: verdicts.map(verdictJson),
    complete,
  };
}

function explainedJson(explained: ExplainedRegion): object {
  return {
    region: explained.region.name,
    owner: explained.region.owner,
    offset: hex(explained.offset),
    type: explained.readonly ? 'rom' : regionType(explained.region),
    readonly: explained.readonly,
    nonvolatile: explained.nonvolatile,
    path: explained.path.map(stepJson),
  };
}

function stepJson({ region, start, window }: PathStep): object {
  return {
    ...regionJson(region),
    start: hex(start),
    first: hex(window.first),
    last: hex(window.last),
  };
}

function shadowedJson(shadowed: ShadowedRegion): object {
  const { code, by, branch, level } = shadowed.reason;
  return {
    ...explainedJson(shadowed),
    reason: {
      code,
      by: regionJson(by),
      branch: regionJson(branch),
      level: level ? regionJson(level) : null,
      text: reasonText(shadowed),
    },
  };
}

function verdictJson({ listener, mapped, code, text, first, last }: ListenerVerdict): object {
  return { listener, mapped, code, text, first: hex(first), last: hex(last) };
}

function regionJson({ name, kind, priority, owner }: MemoryRegion): object {
  return { name, kind, priority, owner };
}

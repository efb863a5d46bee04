import { atOnce, type LongWorkOptions, type Steps } from '../../long-work.js';
import { checkRules } from '../../mapping/mapping-rules.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { slotRules } from '../assumed-rules.js';
import { whileUnchanged } from '../while-unchanged.js';
import { type Finding, severities } from './finding.js';
import { hiddenRegions } from './hidden-regions.js';
import { dmaSkippedMemory, slotlessMemory } from './memory-pages.js';
import { misplacedRegions } from './misplaced-regions.js';
import { equalPriorities } from './overlapping-siblings.js';
import { barsOverRam, expandedTails } from './placed-bars.js';
import { type LintRuleId, lintRuleIds } from './rules.js';
import { type Survey, survey } from './survey.js';
import { Work } from './work.js';

/** How {@link lint} looks, and at what. */
export interface LintOptions {
  /** Bytes of a page of the host, a power of two. Default: 4096. */
  readonly pageSize?: bigint;
  /** Look for these hazards only. Default: all. */
  readonly only?: readonly LintRuleId[];
  /** Don't look for these. */
  readonly ignore?: readonly LintRuleId[];
}

/** What was found, and how much was looked at. */
export interface LintReport {
  /** The worst first; of one severity by kind, in the order of `lintRules`; of one kind by address. */
  readonly findings: readonly Finding[];
  /** Bytes of a page that it reckoned with. */
  readonly pageSize: bigint;
  /** How many regions, ranges and pairs were looked at: in proportion to the size of the topology. */
  readonly looked: number;
}

/** Finds some kinds of hazards, and says in between how far it is. */
type Search = (survey: Survey, pageSize: bigint, work: Work) => Iterable<Finding | Work>;

const searches: readonly Search[] = [
  slotlessMemory,
  dmaSkippedMemory,
  (all, _pageSize, work) => equalPriorities(all, work),
  (all, _pageSize, work) => expandedTails(all, work),
  (all, _pageSize, work) => barsOverRam(all, work),
  (all, _pageSize, work) => hiddenRegions(all, work),
  (all, _pageSize, work) => misplacedRegions(all, work),
];

/**
 * Looks for hazards in the trees and flat views of `spaces`, live ones or those of a dump. Nothing is changed.
 *
 * What memory can be mapped is judged as KVM and VFIO would on a host with pages of `pageSize` bytes. Each region's
 * memory is taken to begin with a page, as a dump doesn't say where it lies.
 *
 * @throws `ERR_INVALID_ARGUMENT` unless the page size is a power of two
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type Finding, type LintOptions, type LintReport, lint } from 'flatview/lint';
 *
 * const topology = new MemoryTopology();
 * const pci = topology.container('pci', 1n << 32n);
 * pci.addSubregion(0xfeb8_0000n, topology.io('e1000-bar0', 0x2_0000n, {}));
 * pci.addSubregion(0xfeb9_8000n, topology.io('nvme-bar0', 0x4000n, {}));
 * const memory = topology.addressSpace('memory', pci);
 *
 * const options: LintOptions = { pageSize: 0x1_0000n, ignore: ['never-shown'] };
 * const report: LintReport = lint([memory], options);
 * const [finding]: readonly Finding[] = report.findings;
 * [finding?.severity, finding?.id]; // => ['warning', 'equal-priority']
 * [finding?.first, finding?.last]; // => [0xfeb9_8000n, 0xfeb9_bfffn]
 * finding?.regions.map(({ name }) => name); // => ['e1000-bar0', 'nvme-bar0']
 * topology.close();
 * ```
 */
export function lint(spaces: readonly AddressSpace[], options: LintOptions = {}): LintReport {
  return atOnce(lintSteps(spaces, options));
}

/**
 * The same as {@link lint}, while the event loop turns.
 *
 * @throws As {@link lint}; `ERR_TOPOLOGY_CHANGED` where something was changed meanwhile; the signal's reason.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTopology, readTopology } from 'flatview';
 * import { lintAsync } from 'flatview/lint';
 *
 * const { document } = readTopology(readFileSync('examples/dumps/rtl8168-slow-page.json'));
 * const { topology, addressSpaces } = buildTopology(document);
 * const { findings } = await lintAsync(addressSpaces, { only: ['split-page'] });
 * findings.map(({ id, severity }) => [id, severity]); // => [['split-page', 'warning']]
 * topology.close();
 * ```
 */
export function lintAsync(
  spaces: readonly AddressSpace[],
  options: LintOptions & LongWorkOptions = {},
): Promise<LintReport> {
  return whileUnchanged(spaces, lintSteps(spaces, options), options);
}

/** Looks for hazards step by step. */
export function* lintSteps(
  spaces: readonly AddressSpace[],
  { pageSize = 4096n, only = lintRuleIds, ignore = [] }: LintOptions,
): Steps<LintReport> {
  checkRules(slotRules(pageSize));
  const work = new Work();
  const all = yield* survey(spaces, work);
  const wanted = new Set(only.filter((id) => !ignore.includes(id)));
  const findings: Finding[] = [];
  for (const search of searches) {
    for (const found of search(all, pageSize, work)) {
      if (found instanceof Work) yield found.progress;
      else if (wanted.has(found.id)) findings.push(found);
    }
  }
  return { findings: withoutRepetition(findings).sort(worstFirst), pageSize, looked: work.steps };
}

/** What several views show alike is one finding, in the address spaces of all of them. */
function withoutRepetition(findings: readonly Finding[]): Finding[] {
  const known = new Map<string, Finding>();
  for (const finding of findings) {
    const { id, first, last, regions, addressSpaces } = finding;
    const key = [id, first, last, ...regions.map((region) => region.id)].join(' ');
    const before = known.get(key)?.addressSpaces ?? [];
    const merged = [...new Set([...before, ...addressSpaces])];
    known.set(key, { ...(known.get(key) ?? finding), addressSpaces: merged });
  }
  return [...known.values()];
}

function worstFirst(a: Finding, b: Finding): number {
  return (
    severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
    lintRuleIds.indexOf(a.id) - lintRuleIds.indexOf(b.id) ||
    (a.first < b.first ? -1 : a.first > b.first ? 1 : 0)
  );
}

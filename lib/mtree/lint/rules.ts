/** What is said of a kind of hazard wherever it is found. */
export interface LintRule {
  /** What it is. */
  readonly title: string;
  /** Why it hurts. */
  readonly why: string;
  /** What to do about it. */
  readonly cure: string;
}

/**
 * Every kind of hazard that is looked for. Ids are stable: programs match them, and `--only` and `--ignore` take them.
 *
 * @example
 * ```ts
 * import { type LintRule, lintRules } from 'flatview/lint';
 *
 * const rule: LintRule = lintRules['zero-size'];
 * rule.title; // => 'a region of size 0'
 * rule.why; // => 'It shows nothing, wherever it is.'
 * ```
 */
export const lintRules = {
  'split-page': {
    title: 'a page of memory that registers of the same BAR cut into pieces',
    why: 'KVM maps whole pages only: every access to any byte of the page leaves the guest and is emulated. VFIO skips the pieces too.',
    cure: 'An emulated MSI-X table can go elsewhere (QEMU: x-msix-relocation=auto, or a BAR). For a register that must stay, a VMM can trap the whole page on purpose: a region of the size of the page, over the memory and below the register. It is no faster, but honest. On a host with smaller pages less of the BAR is slow.',
  },
  'shared-page': {
    title: 'memory that shares its page with another BAR or device',
    why: 'KVM maps whole pages only: every access to any byte of the page leaves the guest and is emulated. VFIO skips the pieces too.',
    cure: 'Have the guest place them on different pages: firmware that aligns BARs to pages of the host, or Linux in the guest with pci=resource_alignment=16@DOMAIN:BUS:SLOT.FUNCTION (16 for 2^16 bytes). Or take a host with smaller pages.',
  },
  'partial-page': {
    title: 'memory that ends within a page, with nothing in the rest of it',
    why: 'KVM maps whole pages only: every access to this memory leaves the guest and is emulated. VFIO skips it too.',
    cure: "A BAR smaller than a page of the host can be mapped where the kernel says that nobody else lives in its page (vfio-pci, Linux 4.8 and later) and the guest places it at the start of a page; then the VMM grows it. Memory of the VMM's own should be whole pages.",
  },
  'not-congruent': {
    title: 'memory that lies differently within a page for the guest and in the VMM',
    why: 'No page of the guest is a page of the host, so none can be mapped. KVM refuses such a slot with EINVAL, and QEMU ends; VFIO reports "received unaligned region" and leaves it out.',
    cure: 'Place the region, or the alias that shows it, so that address and offset are the same modulo the page size.',
  },
  'dma-skipped': {
    title: 'memory that VFIO does not map for DMA, and forgets',
    why: "QEMU's VFIO listener skips it: an assigned device can't reach it. For RAM that is an IOMMU fault and lost data; for another device's BAR, peer-to-peer transfers fail.",
    cure: 'For a piece of a BAR, nothing, unless devices talk to each other; it goes with the page, which is found on its own. RAM that a device is to reach must lie in whole pages. (That of a TPM, "tpm-crb-cmd", need not.)',
  },
  'equal-priority': {
    title: 'regions of equal priority at the same addresses',
    why: 'Who answers depends on who was added or moved last: it changes with the order in which a guest writes BARs, and after reset, hot-plug or migration.',
    cure: "Give one of them a higher priority, or move it. Where a guest placed the BARs so, it is the guest's (or its firmware's) mistake.",
  },
  'expanded-tail': {
    title: 'a BAR that was grown to a page, over its neighbour',
    why: "What lies behind the BAR's own bytes belongs to nobody, and hides the neighbour: its registers are dead.",
    cure: 'Shrink the region when its address is no longer that of a page (QEMU leaves the base region grown), and stack a grown BAR below all others.',
  },
  'bar-over-ram': {
    title: "a BAR at addresses of the machine's RAM",
    why: 'One of the two is gone for the guest: it loses RAM that it was told it has, or can never reach the device.',
    cure: "Look at who placed the BAR: the guest's bridge window or firmware tables (the PCI hole in ACPI, E820, the device tree) overlap RAM. While a BAR is being sized this passes by itself.",
  },
  'never-shown': {
    title: 'a region that no address shows',
    why: 'Something else lies over all of it: nobody can reach it.',
    cure: '"flatview explain INPUT ADDRESS" says who is in front of it and by which priority. Raise its priority, move it, or remove it.',
  },
  'exposed-hole': {
    title: "a trapped register behind the device's mapped memory",
    why: "The region was to be trapped, but the memory lies over it: the guest reaches the device's real register (an MSI-X table, a backdoor to it) instead of the emulated one.",
    cure: 'Give the region a higher priority than the memory, or cut it out of the memory by whole pages.',
  },
  'outside-parent': {
    title: 'a region that lies outside of its parent',
    why: 'What reaches beyond the parent is cut off without a word: nobody can reach it.',
    cure: 'Make the parent larger, or correct the offset or size.',
  },
  'alias-to-nothing': {
    title: 'an alias that shows nothing',
    why: 'Its window lies behind the end of its target, or the target is disabled: the addresses are a hole, through which shows what lies below.',
    cure: "Correct the alias' offset and size, enable the target, or disable the alias with it.",
  },
  'zero-size': {
    title: 'a region of size 0',
    why: 'It shows nothing, wherever it is.',
    cure: 'Give it a size, or leave it out until it has one.',
  },
} as const satisfies Readonly<Record<string, LintRule>>;

/** The stable id of a kind of hazard. */
export type LintRuleId = keyof typeof lintRules;

/**
 * All ids.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type LintRuleId, lint, lintRuleIds } from 'flatview/lint';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.container('empty', 0n));
 * const placing: LintRuleId[] = ['outside-parent', 'zero-size'];
 * const others = lintRuleIds.filter((id) => !placing.includes(id));
 * lint([memory], { only: placing }).findings.map(({ id }) => id); // => ['zero-size']
 * lint([memory], { only: others }).findings; // => []
 * topology.close();
 * ```
 */
export const lintRuleIds: readonly LintRuleId[] = Object.keys(lintRules) as LintRuleId[];

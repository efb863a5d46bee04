import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { FlatviewError } from '../errors.js';
import type { AddressSpace } from '../memory/address-space.js';
import { explain } from '../memory/explain.js';
import type { FlatRange } from '../memory/flat-view.js';
import type { MemoryListener } from '../memory/memory-listener.js';
import type { MemoryRegion } from '../memory/memory-region.js';
import type { BuiltTopology } from '../mtree/build-topology.js';
import { explanationLines } from '../mtree/explanation-text.js';
import { rangeText } from '../mtree/write-flat-views.js';
import { exitCode, type Session } from './session.js';

/** What QEMU's monitor printed for a PC with 3 GiB while its firmware was running; it lies beside the package's code. */
const dump = fileURLToPath(new URL('../../../examples/dumps/pc-i440fx.txt.gz', import.meta.url));

/** An address of which the firmware shadows a ROM in RAM: four aliases and a ROM compete. */
const shadowedAddress = 0xc_b123n;

/** The first page of the VGA card's registers, onto which the network card is going to be moved. */
const vgaRegisters = 0xfebf_0000n;
const newPlace = 0xfebd_8000n;

type Style = Parameters<typeof styleText>[0];

/** Shows in a minute what the package does: read a real dump, render it, explain an address, move a BAR and listen. */
export async function demo(session: Session): Promise<number> {
  const colour = (style: Style, line: string) =>
    session.out.isTerminal ? styleText(style, line) : line;
  const heading = (line: string) => session.out.print(['', colour('bold', line), '']);

  await heading(`1. What QEMU's monitor printed: ${path.relative('.', dump)}`);
  return session.withTopology(dump, async (built) => {
    const memory = spaceOf(built, 'memory');
    const card = regionOf(built, 'e1000-mmio');
    await session.out.print([describeTopology(built)]);

    await heading('2. The flat view of "memory" around 1 MiB, as QEMU has it');
    await session.out.print(mapLines(memory, 0xa_0000n, 0x10_0000n));

    await heading(`3. Who answers at ${shadowedAddress.toString(16)}, and who doesn't`);
    await session.out.print(explanationLines(explain(memory, shadowedAddress)));

    await heading('4. The network card\'s BAR moves:  region("e1000-mmio").address = 0xfebd8000n');
    const before = mapLines(memory, 0xfeb0_0000n, 0xfec0_0000n);
    const heard = listenWhile(memory, () => {
      card.address = newPlace;
    });
    await session.out.print([
      'A listener hears:',
      ...heard.map((line) => colour(styleOf(line), line)),
    ]);
    const after = mapLines(memory, 0xfeb0_0000n, 0xfec0_0000n);
    await session.out.print(['', 'Before:', ...before, '', 'After:', ...after]);

    await heading('5. It lies over the VGA card now. Why over it, and not under it?');
    await session.out.print(explanationLines(explain(memory, vgaRegisters)));
    return exitCode.ok;
  });
}

function describeTopology({ regions, addressSpaces }: BuiltTopology): string {
  const views = new Set(addressSpaces.map(({ flatView }) => flatView));
  const ranges = [...views].reduce((sum, view) => sum + view.rangeCount, 0);
  return `${regions.size} regions, ${addressSpaces.length} address spaces; rendered: ${views.size} flat views, ${ranges} ranges.`;
}

/** Records what a listener hears of a change. */
function listenWhile(space: AddressSpace, change: () => void): string[] {
  const heard: string[] = [];
  let replaying = true;
  const hear = (event: string, range?: FlatRange) => {
    if (!replaying) heard.push(`  ${event.padEnd(10)}${range ? rangeText(range) : ''}`.trimEnd());
  };
  const listener: MemoryListener = {
    name: 'demo',
    begin: () => hear('begin'),
    regionDel: (section) => hear('regionDel', section),
    regionAdd: (section) => hear('regionAdd', section),
    commit: () => hear('commit'),
  };
  // A new listener first hears of all that is there already.
  space.addListener(listener);
  replaying = false;
  change();
  replaying = true;
  space.removeListener(listener);
  return heard;
}

function styleOf(line: string): Style {
  if (line.includes('regionDel')) return 'red';
  return line.includes('regionAdd') ? 'green' : 'dim';
}

function mapLines({ flatView }: AddressSpace, first: bigint, end: bigint): string[] {
  const ranges = [...flatView.from(first)].filter(({ address }) => address < end);
  return ranges.map((range) => `  ${rangeText(range)}`);
}

function spaceOf({ addressSpaces }: BuiltTopology, name: string): AddressSpace {
  return addressSpaces.find((space) => space.name === name) ?? missing(name);
}

function regionOf({ regions }: BuiltTopology, name: string): MemoryRegion {
  return [...regions.values()].find((region) => region.name === name) ?? missing(name);
}

function missing(name: string): never {
  throw new FlatviewError('ERR_MALFORMED_INPUT', `${dump} has no "${name}"`);
}

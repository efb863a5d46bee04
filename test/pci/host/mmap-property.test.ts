// The verdict on a small BAR against the kernel's rule done the slow way: by looking at every byte of the page.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { preflight } from '../../../lib/pci/host/index.js';
import { HostFixture } from '../host-fixture.js';
import { resource, resources } from '../small-host.js';

const base = 0xe000_0000;

interface Layout {
  /** Units that each thing takes, in order of their addresses; every other one is a hole. */
  readonly sizes: readonly number[];
  /** Units that the window has after the last thing. */
  readonly rest: number;
  /** Which of the things are no PCI devices. */
  readonly others: readonly boolean[];
}

interface Placed {
  readonly first: number;
  readonly size: number;
  readonly device: string | undefined;
}

const layouts = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }),
  rest: fc.integer({ min: 0, max: 20 }),
  others: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
});

/** Things side by side and apart, the first one at the start of the window. */
function place({ sizes, others }: Layout, unit: number): Placed[] {
  let at = base;
  const placed: Placed[] = [];
  for (const [index, size] of sizes.entries()) {
    const number = placed.length.toString(16).padStart(2, '0');
    const device = others[index] ? undefined : `0000:00:${number}.0`;
    if (index % 2 === 0) placed.push({ first: at, size: size * unit, device });
    at += size * unit;
  }
  return placed;
}

function machineOf(placed: readonly Placed[], end: number): HostFixture {
  const host = new HostFixture('/proc/sys/kernel/osrelease: 6.12.0\n');
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  const lines = placed.map(
    ({ first, size, device }) => `  ${hex(first)}-${hex(first + size - 1)} : ${device ?? 'pnp'}`,
  );
  host.write('/proc/iomem', [`${hex(base)}-${hex(end - 1)} : PCI Bus`, ...lines].join('\n'));
  host.write('/sys/bus/pci/devices/0000:00:1f.0/resource', resources({}));
  for (const { first, size, device } of placed) {
    if (device === undefined) continue;
    host.write(`/sys/bus/pci/devices/${device}/resource`, resources({ 0: resource(first, size) }));
  }
  return host;
}

/** Whether each byte of the page is the BAR's own or free, and all of the page is in the window. */
function mayMap(bar: Placed, placed: readonly Placed[], end: number, pageSize: number): boolean {
  if (bar.size >= pageSize) return true;
  if (bar.first % pageSize !== 0) return false;
  for (let byte = bar.first + bar.size; byte < bar.first + pageSize; byte += 0x100) {
    if (byte >= end) return false;
    if (placed.some(({ first, size }) => first <= byte && byte < first + size)) return false;
  }
  return true;
}

suite('Whether a BAR can be mapped, of random layouts', () => {
  for (const pageSize of [4096, 65_536]) {
    test(`pages of ${pageSize} bytes`, () => {
      let mapped = 0;
      let refused = 0;
      fc.assert(
        fc.property(layouts, (layout) => {
          const unit = pageSize / 16;
          const placed = place(layout, unit);
          const last = placed.at(-1);
          const end = (last ? last.first + last.size : base) + layout.rest * unit;
          using host = machineOf(placed, end);
          const report = preflight({ roots: host.roots, pageSize: BigInt(pageSize) });
          for (const bar of placed.filter(({ device }) => device !== undefined)) {
            const found = report.devices.find(({ device }) => device.address === bar.device);
            const code = found?.bars[0]?.verdict.code;
            const wanted = mayMap(bar, placed, end, pageSize);
            assert.equal(code === 'mappable', wanted, `${bar.device}: ${code}`);
            if (wanted) mapped++;
            else refused++;
          }
        }),
        { numRuns: 60 },
      );
      assert.ok(mapped > 0 && refused > 0, `${mapped} mapped, ${refused} refused`);
    });
  }
});

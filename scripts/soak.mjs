// Makes random commits for a long time, and prints how much memory the process takes.
//
//   npm run soak -- [COMMITS]      a million by default
//
// Garbage is collected now and then (--expose-gc): V8 doesn't know how much native memory a view holds, and would
// leave that for long. Ends with an error if memory grows after the first fifth. FLATVIEW_SELF_CHECK=1 compares each view, too.
import { MemoryTopology } from '../dist/lib/index.js';

const commits = Number(process.argv[2] ?? 1_000_000);
const regionCount = 400;
const maxGrowth = 64 * 2 ** 20;

let seed = 1;
function below(bound) {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * bound);
}

const topology = new MemoryTopology();
const system = topology.container('system', 2n ** 64n);
const pci = topology.container('pci', 2n ** 32n);
system.addSubregion(0, pci);
system.addSubregion(2n ** 40n, topology.alias('high', pci, { offset: 2 ** 20 }));
const space = topology.addressSpace('memory', system);
let changes = 0;
space.addListener({ regionAdd: () => changes++, regionDel: () => changes++ });
const regions = Array.from({ length: regionCount }, (_, i) => makeRegion(i));

function makeRegion(i) {
  const region = topology.io(`region ${i}`, 2 ** (4 + below(16)), {});
  pci.addSubregion(below(2 ** 20) * 4096, region, { priority: below(3) });
  return region;
}

/** One of what guests and hot-plugging do. */
function change(i) {
  const region = regions[i];
  const kind = below(20);
  if (kind === 0) {
    pci.removeSubregion(region);
    region.destroy();
    regions[i] = makeRegion(i);
  } else if (kind < 4) region.enabled = !region.enabled;
  else if (kind < 6) region.size = 2 ** (4 + below(16));
  else if (kind < 7) region.priority = below(3);
  else region.address = below(2 ** 20) * 4096;
}

let settled = 0;
for (let done = 1; done <= commits; done++) {
  change(below(regionCount));
  if (done % 100 === 0) space.flatView.lookup(below(2 ** 20) * 4096);
  if (done % 5000 === 0) globalThis.gc();
  // Finalizers, which release views, run between turns.
  if (done % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (done % Math.ceil(commits / 10) !== 0) continue;
  const { rss } = process.memoryUsage();
  console.log(`${done} commits, ${changes} changes heard, ${(rss / 2 ** 20).toFixed(1)} MiB`);
  if (done <= commits / 5) settled = Math.max(settled, rss);
  else if (rss > settled + maxGrowth) throw new Error('memory grows with the number of commits');
}

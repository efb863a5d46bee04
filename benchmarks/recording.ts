// What recording costs a commit: one BAR of a PCI machine moved and back, with and without a recorder, in CPU time.
//
//   npm run build && node dist/benchmarks/recording.js [MOVES]

import { MemoryTopology } from '../lib/index.js';
import { CommitRecorder } from '../lib/mtree/recording/index.js';

const moves = Number(process.argv[2] ?? 200_000);
const devices = 256;
const rounds = 5;

function machine() {
  const topology = new MemoryTopology({ selfCheck: false });
  const system = topology.container('system', 2n ** 64n);
  system.addSubregion(0n, topology.ram('ram', 0x8000_0000n, { backing: 'none' }));
  const bars = Array.from({ length: devices }, (_, i) => {
    const bar = topology.io(`bar ${i}`, 0x1000n, {});
    system.addSubregion(0xe000_0000n + BigInt(i) * 0x1_0000n, bar, { priority: 1 });
    return bar;
  });
  topology.addressSpace('memory', system);
  return { topology, bars };
}

/** CPU time of a commit in microseconds, and bytes that it left in the recording. */
function measure(recorded: boolean): { readonly time: number; readonly bytes: number } {
  const { topology, bars } = machine();
  let bytes = 0;
  const write = (part: Uint8Array) => {
    bytes += part.length;
  };
  const recorder = recorded ? new CommitRecorder(topology, { write }) : undefined;
  const before = bytes;
  const start = process.cpuUsage();
  for (let i = 0; i < moves; i++) {
    const bar = bars[i % devices];
    if (bar) bar.address ^= 0x8000n;
  }
  recorder?.close();
  const { user, system } = process.cpuUsage(start);
  topology.close();
  return { time: (user + system) / moves, bytes: (bytes - before) / moves };
}

measure(false);
measure(true);
for (let round = 0; round < rounds; round++) {
  const [plain, recorded] = [measure(false), measure(true)];
  const more = recorded.time - plain.time;
  const ratio = recorded.time / plain.time;
  console.log(
    `${plain.time.toFixed(2)} µs a commit, recorded ${recorded.time.toFixed(2)} µs: +${more.toFixed(2)} µs, ${ratio.toFixed(2)} times; ${recorded.bytes.toFixed(1)} bytes a commit`,
  );
}

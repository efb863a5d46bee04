// What recording costs a commit: one BAR of a PCI machine moved and back, with and without a recorder, in CPU time. With one,
// what a commit takes and what putting it into words, compressing and handing over take later are measured apart.
//
//   npm run build && node dist/benchmarks/recording.js [MOVES]

import { MemoryTopology } from '../lib/index.js';
import { CommitRecorder } from '../lib/mtree/recording/index.js';

const moves = Number(process.argv[2] ?? 200_000);
const devices = 256;
/** Fewer than make a recorder hand over by itself. */
const burst = 500;
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

/** CPU time a commit in microseconds, within it and later, and bytes that it left in the recording. */
interface Costs {
  readonly commit: number;
  readonly later: number;
  readonly bytes: number;
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function measure(recorded: boolean): Costs {
  const { topology, bars } = machine();
  let bytes = 0;
  const write = (part: Uint8Array) => {
    bytes += part.length;
  };
  const recorder = recorded ? new CommitRecorder(topology, { write }) : undefined;
  const before = bytes;
  let [commit, later] = [0, 0];
  for (let at = 0; at < moves; at += burst) {
    const start = cpuTime();
    for (let i = at; i < at + burst; i++) {
      const bar = bars[i % devices];
      if (bar) bar.address ^= 0x8000n;
    }
    const middle = cpuTime();
    recorder?.flush();
    commit += middle - start;
    later += cpuTime() - middle;
  }
  recorder?.close();
  topology.close();
  return { commit: commit / moves, later: later / moves, bytes: (bytes - before) / moves };
}

measure(false);
measure(true);
for (let round = 0; round < rounds; round++) {
  const [plain, recorded] = [measure(false), measure(true)];
  const more = recorded.commit - plain.commit;
  console.log(
    `${plain.commit.toFixed(2)} µs a commit, recorded ${recorded.commit.toFixed(2)} µs: +${more.toFixed(2)} µs, and ${recorded.later.toFixed(2)} µs later; ${recorded.bytes.toFixed(1)} bytes a commit`,
  );
}

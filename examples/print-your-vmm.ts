// Prints a VMM's own memory map as QEMU's monitor would: people know how to read that, and so do their tools.
//
//   node dist/examples/print-your-vmm.js
//
// A program that has installed the package imports from 'flatview' instead.

import {
  describeTopology,
  explanationLines,
  flatViewLines,
  MemoryTopology,
  regionTreeLines,
  writeTopologyJson,
} from '../lib/index.js';

const topology = new MemoryTopology();
const system = topology.container('system', 1n << 64n);
const ram = topology.ram('ram', 2n << 30n);
const uart = topology.io('uart', 8n, { read: () => 0n }, { owner: 'serial0' });
const memory = topology.addressSpace('memory', system);

topology.transaction(() => {
  system.addSubregion(0n, ram);
  system.addSubregion(0x4000_0000n, uart, { priority: 1 });
});

const print = (lines: Iterable<string>) => {
  for (const line of lines) console.log(line);
};

print(regionTreeLines(topology.addressSpaces, { owners: true }));
print(flatViewLines(topology.addressSpaces));
print(explanationLines(memory.explain(0x4000_0000n)));

// What another program, or a bug report, can read: `flatview explain machine.json 40000000`.
console.log(`\n${writeTopologyJson(describeTopology(topology.addressSpaces))}`);

topology.close();

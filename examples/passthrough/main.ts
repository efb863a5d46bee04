// Gives a PCI device of this host to a guest on /dev/kvm, which reads one of its registers.
//
//   node dist/examples/passthrough/main.js 0000:05:00.0             the first register of the first memory BAR
//   node dist/examples/passthrough/main.js 0000:05:00.0 2 0x70      a register of four bytes in BAR 2
//
// `npx flatview preflight 0000:05:00.0` says what the host needs before. Reading a register can have effects: choose one that has none.

import { MemoryTopology } from 'flatview';
import { Kvm, KvmMemorySlots } from 'flatview/kvm';
import { AssignedPciDevice, PciBus } from 'flatview/pci';
import { Passthrough, VfioDmaMapper } from 'flatview/vfio';
import { placeBars } from './firmware.js';
import { runReads } from './guest.js';

const [pciAddress = '', index, offset = '0'] = process.argv.slice(2);

// The map: RAM, and whatever the guest puts on the bus.
const topology = new MemoryTopology();
const system = topology.container('system', 1n << 64n);
const pci = topology.container('pci', 1n << 64n);
const memory = topology.addressSpace('memory', system);
system.addSubregion(0, topology.ram('ram', 16n << 20n));
system.addSubregion(0, pci, { priority: -1 });

// The device: opened by iommufd or VFIO's container, whichever the host has.
const passthrough = new Passthrough();
const device = passthrough.open(pciAddress);
const { dma } = passthrough;
if (dma === undefined) throw new Error(`${pciAddress} has no IOMMU`);
const pageSize = dma.hostPageSize;
const assigned = new AssignedPciDevice({ topology, device, pageSize });
const bus = new PciBus({ memory: pci, pageSize });
bus.add({ device: 1 }, assigned.function);

// Who follows the map: the device's IOMMU and KVM; and the device, which knows why something of it isn't mapped.
const vm = Kvm.open().createVm({ memory });
await VfioDmaMapper.attach(memory, dma);
const slots = new KvmMemorySlots(vm);
memory.addListener(slots);
memory.addListener(assigned.verdicts);

placeBars(assigned, pageSize);
console.log(`${assigned.name}, opened by ${passthrough.way}. What the guest sees:`);
for (const { address, last, region } of memory.flatView.ranges()) {
  console.log(`  ${address.toString(16).padStart(8, '0')}-${last.toString(16)}  ${region.name}`);
  for (const { listener, text } of memory.explain(address).verdicts) {
    console.log(`    ${listener}: ${text}`);
  }
}

const bar = assigned.function.bars.find(({ layout }) =>
  index === undefined ? layout.kind === 'memory' : layout.index === Number(index),
);
if (bar?.address === undefined) throw new Error('the device has no such BAR in memory');
const register = bar.address + BigInt(offset);
const { value, exits, reads } = await runReads(vm, memory, register);
console.log(
  `The guest read 0x${value.toString(16)} at ${register.toString(16)}, ${reads} times, with ${exits} exits.`,
);
// All that is open the kernel takes back when the process ends.

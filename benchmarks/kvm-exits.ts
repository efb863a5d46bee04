// What an exit to memory costs in each way of answering it, on the real KVM: `node dist/benchmarks/kvm-exits.js`.
//
// The guest reads one address again and again. All ways pay the same to the kernel; what a way costs beyond the
// cheapest is its own. CPU time is that of the whole process, so that of all threads.

import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { MemoryTopology } from '../lib/index.js';
import { Kvm, realModeSegment, type Vcpu } from '../lib/kvm/index.js';

const exits = 20_000;
const rounds = 5;

const code = [
  ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], //   mov ax, 0xf000; mov ds, ax
  ...[0xb9, 0x20, 0x4e], //               mov cx, 20000
  ...[0xa1, 0x00, 0x80], //               1: mov ax, [0x8000]
  ...[0xe2, 0xfb], //                     loop 1b
  0xf4, //                                hlt
];

/** What answers at 0xf8000. */
const places = ['nothing', 'RAM of 256 bytes', 'device'] as const;
type Place = (typeof places)[number];

interface Guest {
  readonly vcpu: Vcpu;
  reset(): void;
}

function makeGuest(place: Place): Guest {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const ram = topology.ram('ram', 0x1_0000n);
  system.addSubregion(0, ram);
  if (place === 'RAM of 256 bytes') system.addSubregion(0xf_8000n, topology.ram('piece', 0x100n));
  if (place === 'device') system.addSubregion(0xf_8000n, topology.io('io', 4, { read: () => 1 }));
  const memory = topology.addressSpace('memory', system);
  memory.writeBytes(0x1000, Uint8Array.from(code));
  const vm = Kvm.open().createVm({ memory });
  const hostAddress = ram.memory!.hostAddress;
  vm.setUserMemoryRegion({ slot: 0, flags: 0, guestAddress: 0n, size: 0x1_0000n, hostAddress });
  const vcpu = vm.createVcpu(0);
  vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
  return { vcpu, reset: () => vcpu.setRegisters({ rip: 0x1000n, rflags: 2n }) };
}

interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** Microseconds of one exit; of the rounds the best, as what disturbs only adds. */
async function measure(place: Place, run: (vcpu: Vcpu) => unknown): Promise<Cost> {
  const { vcpu, reset } = makeGuest(place);
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round++) {
    reset();
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    await run(vcpu);
    const wall = Number(process.hrtime.bigint() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    costs.push({ wall: wall / exits, cpu: (user + system) / exits });
  }
  vcpu.vm.close();
  return {
    wall: Math.min(...costs.map(({ wall }) => wall)),
    cpu: Math.min(...costs.map(({ cpu }) => cpu)),
  };
}

function report(way: string, place: Place, { wall, cpu }: Cost): void {
  const rate = Math.round(1e6 / wall).toLocaleString('en');
  const cells = [way, place, wall.toFixed(2), rate, cpu.toFixed(2)];
  console.log(`| ${cells.join(' | ')} |`);
}

if (isMainThread) {
  console.log('| way | what answers | us an exit | exits a second | us of CPU time |');
  console.log('|---|---|---|---|---|');
  for (const place of places) report('run', place, await measure(place, (vcpu) => vcpu.run()));
  new Worker(new URL(import.meta.url), { workerData: 'here' });
} else if (workerData === 'here') {
  for (const place of places) {
    report('runHere', place, await measure(place, (vcpu) => vcpu.runHere()));
  }
}

// From a property that is set to the slot that is installed, on the real KVM: `npm run bench:kvm` prints it as Markdown.
//
// A BAR moves to and fro among others. What the kernel takes is the time in KVM_SET_USER_MEMORY_REGION, the crossing into
// the addon included; the rest is ours: the change, its rendering, the plan.

import { Kvm, KvmMemorySlots, type KvmVm } from '../lib/kvm/index.js';
import { slotMachine } from './slot-machine.js';
import { statistics } from './statistics.js';

const moves = 2000;
const warmUp = 2000;

/** Times the ioctls of `vm` that set slots. */
function timed(vm: KvmVm): { readonly vm: KvmVm; take(): number } {
  let nanoseconds = 0;
  const proxy = new Proxy(vm, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'setUserMemoryRegion') return value.bind(target);
      return (region: Parameters<KvmVm['setUserMemoryRegion']>[0]) => {
        const start = process.hrtime.bigint();
        target.setUserMemoryRegion(region);
        nanoseconds += Number(process.hrtime.bigint() - start);
      };
    },
  });
  return {
    vm: proxy,
    take() {
      const sum = nanoseconds;
      nanoseconds = 0;
      return sum;
    },
  };
}

/** Nanoseconds of each move. */
interface Times {
  readonly ours: readonly number[];
  readonly kernel: readonly number[];
}

/** Moves a BAR among `count` slots. */
function measure(count: number): Times {
  const kvm = Kvm.open();
  const { vm, take } = timed(kvm.createVm());
  const { topology, memory, bar } = slotMachine(count);
  memory.addListener(new KvmMemorySlots(vm));
  const places = [bar.address, bar.address + 0x2000n] as const;
  const ours: number[] = [];
  const kernel: number[] = [];
  for (let move = -warmUp; move < moves; move++) {
    take();
    const start = process.hrtime.bigint();
    bar.address = places[move & 1]!;
    const all = Number(process.hrtime.bigint() - start);
    const inKernel = take();
    if (move < 0) continue;
    ours.push(all - inKernel);
    kernel.push(inKernel);
  }
  topology.close();
  kvm.close();
  return { ours, kernel };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, it) => sum + it, 0) / numbers.length;
}

// Both: now and then the kernel waits for milliseconds until no vCPU can use the old slots any more.
console.log(
  '| slots | ours, median us | the kernel, median us | ours, mean us | the kernel, mean us |',
);
console.log('|---|---|---|---|---|');
for (const count of [10, 100, 1000, 10_000]) {
  const { ours, kernel } = measure(count);
  const nanoseconds = [
    statistics(ours).median,
    statistics(kernel).median,
    mean(ours),
    mean(kernel),
  ];
  const cells = [count, ...nanoseconds.map((it) => (it / 1000).toFixed(1))];
  console.log(`| ${cells.join(' | ')} |`);
}
console.log();

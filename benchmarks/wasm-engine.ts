// npm run bench:wasm: the engine as WebAssembly beside the native one, in turns, on the same work through the same
// TypeScript. What is counted is time of processors, so a busy machine changes little.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { statistics } from './statistics.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const engines = {
  native: path.join(root, 'build/Release/flatview.node'),
  wasm: path.join(root, 'prebuilds/wasm32/flatview.wasm'),
} as const;
const turns = 7;

/** Microseconds of processor time, by what they were spent on. */
type Costs = Readonly<Record<string, number>>;

/** In the process of one engine. */
async function measure(): Promise<Costs> {
  const start = process.cpuUsage();
  const { MemoryTopology } = await import('../lib/index.js');
  const costs: Record<string, number> = { 'importing flatview': spent(start) };

  for (const regions of [100, 1000, 10_000]) {
    const begin = process.cpuUsage();
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 64n);
    const bars = Array.from({ length: regions }, (_, i) => topology.io(`bar${i}`, 0x1000n, {}));
    topology.transaction(() => {
      for (const [i, bar] of bars.entries()) system.addSubregion(BigInt(i) * 0x4000n, bar);
    });
    const memory = topology.addressSpace('memory', system);
    memory.addListener({ name: 'listener', regionAdd() {}, regionDel() {} });
    costs[`building and rendering ${regions} regions`] = spent(begin);

    const [bar] = bars.slice(regions / 2);
    const home = bar!.address;
    costs[`moving a BAR among ${regions} regions`] = perTurn(20_000, (i) => {
      bar!.address = home + BigInt(i & 1) * 0x1000n;
    });
    const view = memory.flatView;
    const places = Array.from({ length: 1 << 16 }, (_, i) =>
      BigInt(((i * 2_654_435_761) % regions) * 0x4000 + (i % 0x1000)),
    );
    costs[`looking up among ${regions} ranges`] = perTurn(400_000, (i) => {
      view.lookup(places[i & 0xffff]!);
    });
    costs[`listing ${regions} ranges`] = perTurn(Math.ceil(400_000 / regions), () => {
      for (const range of view.ranges()) if (range.size === 0n) throw new Error('empty');
    });
    topology.close();
  }
  return costs;
}

function perTurn(count: number, turn: (i: number) => void): number {
  for (let i = 0; i < count; i++) turn(i);
  const begin = process.cpuUsage();
  for (let i = 0; i < count; i++) turn(i);
  return spent(begin) / count;
}

function spent(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

function runWith(engine: keyof typeof engines): Costs {
  const env = { ...process.env, FLATVIEW_ADDON: engines[engine], FLATVIEW_MEASURED: '1' };
  const [, program = ''] = process.argv;
  return JSON.parse(execFileSync(process.execPath, [program], { env, encoding: 'utf8' }));
}

if (process.env['FLATVIEW_MEASURED'] !== undefined) {
  console.log(JSON.stringify(await measure()));
} else {
  const runs = Array.from({ length: turns }, () => ({
    native: runWith('native'),
    wasm: runWith('wasm'),
  }));
  for (const what of Object.keys(runs[0]!.native)) {
    const native = statistics(runs.map((run) => run.native[what]!)).median;
    const wasm = statistics(runs.map((run) => run.wasm[what]!)).median;
    const times = (wasm / native).toFixed(2);
    console.log(`${what}: ${native.toFixed(3)} us native, ${wasm.toFixed(3)} us wasm, ${times} x`);
  }
}

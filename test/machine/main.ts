// npm run test:machine -- [--machine=NAME]... [--keep] [--shell] [PART...]
//
// Boots Debian's own kernels under QEMU's emulation, with IOMMU and PCI devices, and runs the tests that need real KVM and VFIO
// inside. --machine: only those whose name contains NAME, such as 6.12-intel or amd; may be given again. PART: only files of tests
// whose path contains one. --keep: leaves the folder of the run. --shell: a shell in the machine instead of the tests.
// docs/hardware.md says what that proves.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bootWithShell } from './boot.js';
import { needCommand, Unavailable } from './build/debian-packages.js';
import { installPackage } from './build/installed-package.js';
import { type Machine, machineName, machines } from './machine.js';
import { hasPassed } from './report.js';
import { type BuiltMachine, buildMachine, type MachineRun, runMachine } from './run-machine.js';
import { suiteFiles } from './suites.js';
import { summary } from './summary.js';

const { values: options, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    machine: { type: 'string', multiple: true, default: [''] },
    keep: { type: 'boolean', default: false },
    shell: { type: 'boolean', default: false },
  },
});

/** Machines that are running at the same time. */
const width = Math.min(2, os.availableParallelism());

function chosenMachines(): Machine[] {
  const chosen = machines.filter((machine) =>
    options.machine.some((name) => machineName(machine).includes(name)),
  );
  if (chosen.length > 0) return options.shell ? chosen.slice(0, 1) : chosen;
  console.error(`There is no such machine. There are: ${machines.map(machineName).join(', ')}`);
  process.exit(1);
}

/** What `make` gives; where something can't be had, a loud word and nothing. */
function unlessUnavailable<Result>(what: string, make: () => Result): Result | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`SKIPPED: ${what}: ${error.message}`);
    return undefined;
  }
}

function buildMachines(folder: string, chosen: readonly Machine[]): BuiltMachine[] {
  const start = performance.now();
  const installed = path.join(folder, 'installed');
  installPackage(installed);
  const built = chosen.flatMap((machine) => {
    const name = machineName(machine);
    const build = () =>
      buildMachine(machine, suiteFiles(machine, parts), path.join(folder, name), installed);
    return unlessUnavailable(`the machine ${name}`, build) ?? [];
  });
  console.log(`Built ${built.length} machines in ${secondsSince(start)} s`);
  return built;
}

/** Runs the machines, `width` at a time. */
async function runMachines(built: readonly BuiltMachine[]): Promise<MachineRun[]> {
  const waiting = built.entries();
  const runs: MachineRun[] = [];
  const runSome = async (): Promise<void> => {
    for (const [i, machine] of waiting) {
      const run = await runMachine(machine);
      runs[i] = run;
      const outcome = hasPassed(run) ? 'passed' : 'FAILED';
      console.log(`${machineName(run.machine)}: ${outcome}, ${Math.round(run.seconds)} s`);
    }
  };
  await Promise.all(Array.from({ length: width }, runSome));
  return runs;
}

function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 1000);
}

/** Builds and runs in `folder`; whether that is worth keeping. */
async function main(folder: string): Promise<boolean> {
  const start = performance.now();
  const built = buildMachines(folder, chosenMachines());
  const [first] = built;
  if (first === undefined) return false;
  if (options.shell) {
    await bootWithShell(first.boot);
    return options.keep;
  }
  const runs = await runMachines(built);
  const passed = runs.every(hasPassed);
  console.log(`\n${summary(runs)}\n`);
  console.log(`${secondsSince(start)} s in all`);
  if (!passed) process.exitCode = 1;
  return !passed || options.keep;
}

const emulator = () => {
  needCommand('qemu-system-x86_64', 'qemu-system-x86');
  return mkdtempSync(path.join(os.tmpdir(), 'flatview-machine-'));
};
const folder = unlessUnavailable('all machines', emulator);
if (folder !== undefined) {
  if (await main(folder)) console.log(`Consoles, logs, traces and results are in ${folder}`);
  else rmSync(folder, { recursive: true });
}

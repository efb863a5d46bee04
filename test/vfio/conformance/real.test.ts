// Runs in the emulated machine only: it needs that machine's devices, bound to vfio-pci.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { HostMemory } from '../../../lib/index.js';
import { EventFd } from '../../../lib/kvm/index.js';
import { Vfio } from '../../../lib/vfio/index.js';
import { type EmulatedDeviceName, emulatedMachine } from '../emulated-machine.js';
import type { Bench, BenchDevice } from './bench.js';
import { runCases } from './run-cases.js';

const size = 16n << 20n;
const page = 0x1000n;

/** Why there is no emulated machine here; `false` where there is. */
const noMachine = whyNoMachine();

function whyNoMachine(): string | false {
  try {
    const { name } = emulatedMachine.edu;
    const driver = path.basename(readlinkSync(`${sysfsOf(name)}/driver`));
    const id = ['vendor', 'device'].map((it) => readFileSync(`${sysfsOf(name)}/${it}`, 'utf8'));
    return driver === 'vfio-pci' && id.join(' ').includes('0x1234')
      ? false
      : `${name} is not the emulated machine's, bound to vfio-pci`;
  } catch {
    return 'this is not the emulated machine';
  }
}

function sysfsOf(name: string): string {
  return `/sys/bus/pci/devices/${name}`;
}

function findDevice(device: EmulatedDeviceName): BenchDevice {
  const { name } = emulatedMachine[device];
  const group = Number(path.basename(readlinkSync(`${sysfsOf(name)}/iommu_group`)));
  return { name, group, cdev: filesOf(`${sysfsOf(name)}/vfio-dev`)[0] };
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Addresses of what the kernel says is mapped into this process. */
function mapped(): readonly {
  readonly start: bigint;
  readonly end: bigint;
  readonly how: string;
}[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [, start = '', end = '', how = ''] = /^(\w+)-(\w+) (\S+)/.exec(line) ?? [];
    return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), how };
  });
}

/** The address of a page that may only be read: of the program's constants. */
function findReadonlyPage(): bigint {
  const found = mapped().find(({ how }) => how === 'r--p');
  if (found === undefined) throw new Error('no page of this process is read-only');
  return found.start;
}

/** A page that has nothing behind it: the memory of this package is put apart. */
function findLastPage(): HostMemory {
  const last = HostMemory.allocate(page);
  const behind = last.hostAddress + page;
  if (!mapped().some(({ start, end }) => start <= behind && behind < end)) return last;
  throw new Error('the page that was to be the last has something behind it');
}

function openBench(): Bench {
  const memory = HostMemory.allocate(size);
  const lastPage = findLastPage();
  const eventFd = EventFd.create();
  return {
    host: new Vfio(),
    has: {
      iommufd: filesOf('/dev').includes('iommu'),
      vtd: filesOf('/sys/class/iommu').some((it) => it.startsWith('dmar')),
      eventFd: true,
    },
    device: findDevice,
    memory,
    readonlyPage: findReadonlyPage(),
    lastPage: lastPage.hostAddress,
    eventFd,
    close: () => {
      eventFd.close();
      lastPage.close();
      memory.close();
    },
  };
}

if (noMachine === false) runCases('real', openBench);
else test('VFIO conformance: real', { skip: noMachine }, () => undefined);

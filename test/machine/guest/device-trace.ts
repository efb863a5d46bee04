// What QEMU says of the accesses that reach its devices: the witness on the other side of the bus.

import { readFileSync } from 'node:fs';
import { runFile } from '../run-folder.js';

const file = `/share/${runFile.trace}`;

/** An access to the registers of an SD host controller. */
export interface DeviceAccess {
  readonly kind: 'read' | 'write';
  /** Bytes. */
  readonly width: number;
  readonly offset: number;
  readonly value: number;
}

/** The lines that QEMU adds to its trace while `body` runs. They are there as soon as an access is done. */
export async function tracedLines(body: () => void | Promise<void>): Promise<string[]> {
  const before = readFileSync(file).length;
  await body();
  return readFileSync(file)
    .toString('utf8', before)
    .split('\n')
    .filter((line) => line !== '');
}

/** The accesses to SD host controllers that are made while `body` runs, in order. */
export async function tracedAccesses(body: () => void | Promise<void>): Promise<DeviceAccess[]> {
  return (await tracedLines(body)).flatMap((line) => {
    // sdhci_access rd16: addr[0x0040] -> 0x34b4 (13492)
    const [, kind, bits, offset, value] =
      line.match(/^sdhci_access (rd|wr)(\d+): addr\[(\w+)\] (?:->|<-) (\w+)/) ?? [];
    if (kind === undefined) return [];
    return [
      {
        kind: kind === 'rd' ? 'read' : 'write',
        width: Number(bits) / 8,
        offset: Number(offset),
        value: Number(value),
      },
    ];
  });
}

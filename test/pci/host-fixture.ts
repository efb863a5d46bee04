import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { HostRoots } from '../../lib/pci/host/index.js';

const fixtures = path.resolve(import.meta.dirname, '../../../test/pci/fixtures');

/** A machine's /sys, /proc and /dev in a folder of their own, as `fixtures/capture.sh` wrote them. */
export class HostFixture {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-host-'));
  readonly roots: Required<HostRoots>;

  /** @param text In the form that `fixtures/capture.sh` describes. */
  constructor(text: string) {
    const { folder } = this;
    const root = (name: string) => path.join(folder, name);
    this.roots = { sys: root('sys'), proc: root('proc'), dev: root('dev') };
    for (const name of Object.values(this.roots)) mkdirSync(name);
    this.#unpack(text);
  }

  /** The machine of this name. */
  static of(machine: string): HostFixture {
    return new HostFixture(fixtureText(machine, 'host.txt'));
  }

  /** Writes a file of the machine, or replaces it. */
  write(name: string, content: string | Uint8Array): void {
    const file = this.path(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Removes a file, link or folder of the machine. */
  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  link(name: string, target: string): void {
    const file = this.path(name);
    mkdirSync(path.dirname(file), { recursive: true });
    symlinkSync(target, file);
  }

  /** Lets nobody read a file. */
  protect(name: string): void {
    chmodSync(this.path(name), 0);
  }

  /** Where a file of the machine is here. */
  path(name: string): string {
    return path.join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #unpack(text: string): void {
    for (const [, name = '', mark = '', rest = ''] of text.matchAll(entry)) {
      if (mark === '/') mkdirSync(this.path(name), { recursive: true });
      else if (mark === ' -> ') this.link(name, rest);
      else if (mark === ' = ') this.write(name, Buffer.from(rest, 'hex'));
      else this.write(name, `${rest.replaceAll('\n|', '\n').trimStart()}\n`);
    }
  }
}

/** A name, what it is, and its content: the rest of the line, or the lines that follow and begin with `|`. */
const entry = /^(\/.*?)(\/$| -> | = |: |:$)(.*(?:\n\|.*)*)/gm;

/** A file of a machine's folder. */
export function fixtureText(machine: string, file: string): string {
  return readFileSync(path.join(fixtures, machine, file), 'utf8');
}

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/**
 * Where the kernel's files are: `/sys`, `/proc` and `/dev`, or what was copied from another machine's. Nothing is known
 * of what is left out.
 */
export interface HostRoots {
  readonly sys?: string;
  readonly proc?: string;
  readonly dev?: string;
}

/** The files of the machine on which this process runs. */
export const thisHost: HostRoots = { sys: '/sys', proc: '/proc', dev: '/dev' };

/** A file that is there, but could not be read or understood. */
export interface HostFileProblem {
  /** As the kernel calls it, such as `/sys/bus/pci/devices/0000:05:00.0/resource`. */
  readonly path: string;
  readonly reason: string;
}

/** The file is not there, or its device has gone while it was read. */
const absence = new Set(['ENOENT', 'ENODEV', 'ENXIO', 'ENOTDIR']);

/**
 * Reads the kernel's files by the names that they have on a running machine. A file that is absent is undefined, as is
 * one that cannot be read; of the latter a problem is kept. Nothing here throws: devices come and go at any time.
 */
export class HostFiles {
  readonly #roots: HostRoots;
  readonly #problems = new Map<string, HostFileProblem>();

  constructor(roots: HostRoots) {
    this.#roots = roots;
  }

  /** What could not be read or understood, in the order in which it was found. */
  get problems(): HostFileProblem[] {
    return [...this.#problems.values()];
  }

  /** Keeps that the file `name` makes no sense. */
  complain(name: string, reason: string): undefined {
    this.#problems.set(name, { path: name, reason });
  }

  /** The text of a file, without the white space at its end. */
  text(name: string): string | undefined {
    return this.#read(name, (file) => printable(readFileSync(file, 'utf8').trimEnd()));
  }

  bytes(name: string): Uint8Array | undefined {
    return this.#read(name, (file) => readFileSync(file));
  }

  /** The last name of a link's target: of `.../0000:05:00.0/driver` the driver. */
  linkName(name: string): string | undefined {
    return this.#read(name, (file) => printable(path.basename(readlinkSync(file))));
  }

  /** The target of a link, as the name that the kernel has for it. */
  linkTarget(name: string): string | undefined {
    const target = this.#read(name, (file) => readlinkSync(file));
    return target === undefined ? undefined : path.posix.join(path.posix.dirname(name), target);
  }

  /** What is in a folder, sorted; nothing where there is no such folder. */
  list(name: string): string[] {
    return this.#read(name, (file) => readdirSync(file).map(printable).sort()) ?? [];
  }

  /** Whether the folder is known that the file would be in: /sys, /proc or /dev. */
  knows(name: string): boolean {
    return this.#locate(name) !== undefined;
  }

  exists(name: string): boolean {
    const file = this.#locate(name);
    return file !== undefined && existsSync(file);
  }

  #read<T>(name: string, read: (file: string) => T): T | undefined {
    const file = this.#locate(name);
    if (file === undefined) return undefined;
    try {
      return read(file);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return absence.has(code) ? undefined : this.complain(name, `cannot be read: ${code}`);
    }
  }

  #locate(name: string): string | undefined {
    const [, root = '', rest = ''] = /^\/(sys|proc|dev)(\/.*)?$/.exec(name) ?? [];
    const folder = this.#roots[root as keyof HostRoots];
    return folder === undefined ? undefined : path.join(folder, rest);
  }
}

/** Names and texts end on a terminal: what would steer it is shown as `?`. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?');
}

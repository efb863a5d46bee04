// The modules of a kernel: where they are, what each depends on, and an order in which they can be inserted.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A module by its name, in which a dash is an underscore, as the kernel has it. */
export interface KernelModule {
  readonly name: string;
  readonly file: string;
}

/** The name of a module, from the name of its file or as it is written in a list of dependencies. */
export function moduleName(written: string): string {
  return path
    .basename(written)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

/** All modules under `folders`; where two have one of the same name, the first folder's counts. */
export function findModules(folders: readonly string[]): Map<string, KernelModule> {
  const modules = new Map<string, KernelModule>();
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const name = moduleName(entry);
      if (!/\.ko(\.xz)?$/.test(entry) || modules.has(name)) continue;
      modules.set(name, { name, file: path.join(folder, entry) });
    }
  }
  return modules;
}

/** The content of a module, as insmod takes it. `busybox` unpacks what is compressed. */
export function readModule({ file }: KernelModule, busybox: string): Buffer {
  if (!file.endsWith('.xz')) return readFileSync(file);
  return execFileSync(busybox, ['xz', '-dc', file], { maxBuffer: 1 << 28 });
}

/**
 * What a module says that it depends on: the field `depends` of its section `.modinfo`, a list of strings `key=value`, each with a
 * zero at its end.
 */
export function dependencies(content: Buffer): string[] {
  const key = '\0depends=';
  const start = content.indexOf(key, 0, 'latin1');
  if (start < 0) return [];
  const end = content.indexOf(0, start + key.length);
  const list = content.toString('latin1', start + key.length, end);
  return list
    .split(',')
    .filter((name) => name !== '')
    .map(moduleName);
}

/** `wanted` and all that they depend on, each after what it depends on. Names not in `available` are left out: they are built in. */
export function insertionOrder<Module>(
  wanted: readonly string[],
  available: (name: string) => Module | undefined,
  dependenciesOf: (module: Module) => readonly string[],
): Module[] {
  const ordered = new Map<string, Module>();
  const visit = (name: string): void => {
    const module = available(name);
    if (module === undefined || ordered.has(name)) return;
    for (const dependency of dependenciesOf(module)) visit(dependency);
    ordered.set(name, module);
  };
  for (const name of wanted) visit(moduleName(name));
  return [...ordered.values()];
}

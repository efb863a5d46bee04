import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { foreignEnvironment } from '../foreign-environment.js';

const names: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** musl for this machine: its C library and dynamic linker are one file. */
const musl = `/lib/ld-musl-${names[process.arch] ?? process.arch}.so.1`;

/** Why nothing can be loaded under musl here; `undefined` where it can. */
export function whyNoMusl(): string | undefined {
  if (!existsSync(musl)) return `there is no ${musl}; on Debian: apt-get install musl`;
  return undefined;
}

/** The functions that `addon` has from elsewhere and can't do without, without their versions. */
export function importsOf(addon: string): string[] {
  const symbols = execFileSync('readelf', ['-W', '--dyn-syms', addon], { encoding: 'utf8' });
  const strong = /\bGLOBAL\s+DEFAULT\s+UND (\w+)/g;
  return [...symbols.matchAll(strong)].map(([, name]) => name ?? '');
}

/** The functions of musl. */
export function muslFunctions(): Set<string> {
  const symbols = execFileSync('readelf', ['-W', '--dyn-syms', musl], { encoding: 'utf8' });
  const defined = /\b(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+ (\w+)/g;
  return new Set([...symbols.matchAll(defined)].map(([, name]) => name ?? ''));
}

/** Loads `addon` in a process of musl's (musl-host.c). Returns what it says of it. */
export function loadUnderMusl(addon: string, sources: string, scratch: string): string {
  const stubs = path.join(scratch, 'napi.c');
  const host = path.join(scratch, 'musl-host');
  const given = new Set(['napi_define_properties', 'napi_set_instance_data']);
  const ofNode = importsOf(addon).filter((name) => /^(napi|node_api)_/.test(name));
  const wanted = ofNode.filter((name) => !given.has(name));
  writeFileSync(stubs, wanted.map((name) => `int ${name}(void) { return 0; }\n`).join(''));
  const options = [
    ...['-w', '-O1', '-fPIE', '-pie', '-rdynamic', '-nostdlib', '-nostartfiles'],
    ...['-fno-stack-protector', `-DADDON="${addon}"`, `-Wl,--dynamic-linker=${musl}`, '-o', host],
  ];
  const env = foreignEnvironment();
  execFileSync('gcc', [...options, path.join(sources, 'musl-host.c'), stubs, musl], { env });
  return execFileSync(host, { encoding: 'utf8', env });
}

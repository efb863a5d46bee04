// Running programs that documentation shows as tests, all in this process.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { noKvm } from '../kvm/real-mode-guest.js';
import { noNativeAddon } from '../native-addon.js';
import { noVfio } from '../vfio/real-machine.js';
import { type CompiledProgram, repository } from './compile-programs.js';

/** What a block of TypeScript can say that it needs, after its `ts`; and why that isn't there, or false. */
const needs: Readonly<Record<string, string | false>> = {
  kvm: noKvm,
  native: noNativeAddon,
  vfio: noVfio,
};

/** A suite in which each program is a test. What the compiler says fails it even where the program can't run. */
export function runPrograms(title: string, programs: readonly CompiledProgram[]): void {
  process.setSourceMapsEnabled(true);
  suite(title, () => {
    // Within the package, so that its name means this package, and below dist/, so that nothing else sees it.
    const folder = mkdtempSync(path.join(repository, 'dist/shown-'));
    after(() => rmSync(folder, { recursive: true }));
    for (const [i, program] of programs.entries()) {
      const mistakes = mistakesOf(program);
      test(program.shown.name, { skip: mistakes.length === 0 && whyNotHere(program) }, async () => {
        assert.equal(mistakes.join('\n'), '');
        const file = path.join(folder, `${i}.mjs`);
        writeFileSync(file, program.javascript);
        await import(pathToFileURL(file).href);
      });
    }
  });
}

function mistakesOf({ shown, mistakes }: CompiledProgram): string[] {
  const unknown = shown.needs.filter((need) => needs[need] === undefined);
  return [
    ...mistakes,
    ...unknown.map((need) => `${shown.page}: what is "${need}"? See run-here.ts`),
  ];
}

/** Why a program can't run on this machine; false where it can. */
function whyNotHere({ shown }: CompiledProgram): string | false {
  return shown.needs.map((need) => needs[need] ?? false).find((why) => why !== false) ?? false;
}

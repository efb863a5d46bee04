import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { findPackageRoot } from '../package-root.js';
import { exitCode, type Session } from './session.js';

/** The example that comes with the package: a program for an embedder to copy, so it stands on the public API alone. */
const example = 'dist/examples/tiny-vmm/story.js';

/** What QEMU's monitor printed for a PC with 3 GiB while its firmware was running. */
const dump = 'examples/dumps/pc-i440fx.txt.gz';

interface Example {
  tellStory(teller: { print(line: string): void; readonly isTerminal: boolean }): Promise<void>;
}

/** Shows in a minute what the package does: runs examples/tiny-vmm, a guest on KVM whose memory map changes. */
export async function demo({ out }: Session): Promise<number> {
  const packageRoot = findPackageRoot();
  const story = pathToFileURL(path.join(packageRoot, example));
  const { tellStory } = (await import(story.href)) as Example;
  const lines: string[] = [];
  await tellStory({ print: (line) => lines.push(line), isTerminal: out.hasColour });
  const next = `npx flatview explain ${path.relative('.', path.join(packageRoot, dump))} cb123`;
  await out.print([
    ...lines,
    '',
    'Next, who answers at an address of a real PC, and why:',
    `  ${next}`,
  ]);
  return exitCode.ok;
}

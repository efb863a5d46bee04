// A VMM in a few hundred lines: a guest on /dev/kvm, whose memory map moves while it runs.
//
//   node dist/examples/tiny-vmm/main.js               the vCPU has a thread of its own
//   node dist/examples/tiny-vmm/main.js --worker      it runs on the thread of a worker, with the devices
//   node dist/examples/tiny-vmm/main.js --simulated   without /dev/kvm
//
// `npx flatview demo` runs it, too.

import { isMainThread, Worker } from 'node:worker_threads';
import type { Way } from './processor.js';
import { tellStory } from './story.js';

const ways: Readonly<Record<string, Way>> = { '--worker': 'worker', '--simulated': 'simulated' };
const [option = ''] = process.argv.slice(2);

if (option === '--worker' && isMainThread) {
  new Worker(new URL(import.meta.url), { argv: [option] });
} else {
  const isTerminal = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  await tellStory({ print: (line) => console.log(line), isTerminal }, ways[option]);
}

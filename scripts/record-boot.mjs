// Makes examples/recordings/pc-seabios.fvr.gz: the commits of a PC that SeaBIOS boots, as QEMU made them (test/corpus),
// each labelled with the guest's access that led to it. Needs `npm run build`.
//
//   node scripts/record-boot.mjs [OUTPUT]

import path from 'node:path';
import { CommitRecorder, fileSink } from '../dist/lib/mtree/recording/index.js';
import { readSequence } from '../dist/test/corpus/corpus.js';
import { CorpusTopology } from '../dist/test/corpus/corpus-topology.js';

const byDefault = path.resolve(import.meta.dirname, '../examples/recordings/pc-seabios.fvr.gz');
const { initial, steps } = readSequence('boot-pc-seabios');
const { topology, call } = opened(initial);
const recorder = new CommitRecorder(topology, fileSink(process.argv[2] ?? byDefault));
for (const step of steps) {
  recorder.mark(labelOf(step.guest));
  for (const op of step.ops) call(op, step.address_spaces);
}
recorder.close();
console.log(`${recorder.steps} steps`);
topology.close();

function opened(state) {
  const built = new CorpusTopology(state);
  return { topology: built.topology, call: (op, spaces) => built.call(op, spaces) };
}

/** What the guest did, in words. */
function labelOf([what, ...values]) {
  return what === 'firmware-run'
    ? `the firmware has run for ${values[0]} s`
    : [what, ...values].join(' ');
}

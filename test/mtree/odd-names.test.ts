// Names and owners that look like what the monitor prints around them.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryTopology } from '../../lib/index.js';
import { readBack, textsOf } from './round-trip.js';

const names = [
  'x',
  '',
  ' ',
  'x orphan',
  'x orphan KVM',
  'x owner:{dev id=a}',
  'x owner:{foo',
  'x} y',
  'x @0000000000000000 hvf',
  'x @0000000000000010',
  'x @0000000000000010 KVM',
  'x KVM',
  'x parent:{obj path=/a} KVM',
  '0000-0001 (prio 0, ram): x',
];
const owners = [
  undefined,
  '',
  'a',
  'a\nb',
  'a} KVM',
  'orphan',
  'owner:{foo',
  'owner:{dev id=a}',
  'owner:{dev id=a} KVM',
  'parent:{obj path=/a}',
];

interface Odd {
  readonly name: string;
  readonly owner: string | undefined;
}

/** A region of each name in front of another one, whose rest shows. */
function outcome(rootName: string, front: Odd['owner'], behind: Odd) {
  const topology = new MemoryTopology();
  const root = topology.container(rootName, 0x10000);
  for (const [at, name] of names.entries()) {
    const ram = topology.ram(name, 16, { backing: 'none', ...ownedBy(front) });
    root.addSubregion(at * 32 + 16, ram);
  }
  const io = topology.io(behind.name, 0x10000, {}, ownedBy(behind.owner));
  root.addSubregion(0, io, { priority: -1 });
  const texts = textsOf([topology.addressSpace('memory', root)]);
  topology.close();
  return readBack(texts);
}

function ownedBy(owner: string | undefined): { readonly owner?: string } {
  return owner === undefined ? {} : { owner };
}

suite('names and owners that look like something else, read back', () => {
  const pairs = owners.flatMap((front) => owners.map((owner) => ({ front, owner })));

  for (const name of names) {
    test(`are what they were, or are said not to be where one takes two lines: "${name}"`, () => {
      for (const { front, owner } of pairs) {
        const isOneLine = ![front, owner].includes('a\nb');
        const came = outcome('system', front, { name, owner });
        assert.equal(came, isOneLine ? 'same' : 'said', JSON.stringify([front, owner]));
      }
    });
  }

  test('a root that is taken for another one does not have the flat view of its name', () => {
    const root = 'x [disabled]';
    assert.equal(outcome(root, undefined, { name: 'y', owner: undefined }), 'said');
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run, test } from 'node:test';
import { type Outcome, readOutcomes } from './outcomes.js';

// Node runs no tests within tests, which it knows by this.
delete process.env['NODE_TEST_CONTEXT'];

async function outcomesOf(program: string): Promise<Outcome[]> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'flatview-outcomes-'));
  try {
    const file = path.join(scratch, 'some.test.mjs');
    writeFileSync(file, `import { suite, test } from 'node:test';\n${program}`);
    const outcomes: Outcome[] = [];
    for await (const outcome of readOutcomes(run({ files: [file] }))) outcomes.push(outcome);
    return outcomes;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function shortly({ name, outcome, why }: Outcome): string {
  return `${outcome} ${name}${why === undefined ? '' : `: ${why.split('\n')[0]}`}`;
}

test('each test has one outcome, under the names of its suites; files have none, and suites only where they are skipped', async () => {
  const outcomes = await outcomesOf(`
    test('alone', () => {});
    suite('outer', () => {
      suite('inner', () => {
        test('fails', () => { throw Object.assign(new Error('no'), { address: 1n }); });
        test('is left out', { skip: 'no KVM' }, () => {});
      });
      test('passes', () => {});
    });
    suite('elsewhere', { skip: 'no VFIO' }, () => {
      test('is never heard of', () => {});
    });
  `);
  assert.deepEqual(outcomes.map(shortly), [
    'passed alone',
    'failed outer › inner › fails: Error: no',
    'skipped outer › inner › is left out: no KVM',
    'passed outer › passes',
    'skipped elsewhere: no VFIO',
  ]);
  assert.match(outcomes[1]?.why ?? '', /address: 1n/);
});

test('a file that breaks off is a failure', async () => {
  const outcomes = await outcomesOf(`
    test('passes', () => {});
    test('takes the process with it', () => process.kill(process.pid, 'SIGKILL'));
  `);
  assert.ok(outcomes.some(({ outcome }) => outcome === 'failed'));
});

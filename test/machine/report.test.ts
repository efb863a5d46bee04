import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { hasPassed, type Report, readReport } from './report.js';
import { runFile, type TestResult } from './run-folder.js';

const files = ['a.test.js', 'b.test.js'];

function result(file: string, outcome: TestResult['outcome']): string {
  const whole: TestResult = { file, name: 'some test', outcome, milliseconds: 1 };
  return `${JSON.stringify(whole)}\n`;
}

const [a, b, done] = [result('a.test.js', 'passed'), result('b.test.js', 'skipped'), '"done"\n'];

/** The report on a folder with these files. */
function reportOn(left: Partial<Record<keyof typeof runFile, string>>, failure?: string): Report {
  const share = mkdtempSync(path.join(os.tmpdir(), 'flatview-report-'));
  try {
    for (const [name, text] of Object.entries(left)) {
      writeFileSync(path.join(share, runFile[name as keyof typeof runFile]), text);
    }
    return readReport(share, files, failure);
  } finally {
    rmSync(share, { recursive: true });
  }
}

test('all is well when each file has a result, none failed, and the end was reached', () => {
  const report = reportOn({
    results: a + b + done,
    kernelLog: '<6>[ 1.0] use "nocrs" and report a bug\n',
  });
  assert.deepEqual(report.problems, []);
  assert.equal(report.results.length, 2);
  assert.ok(hasPassed(report));
});

test('a test that fails', () => {
  assert.ok(!hasPassed(reportOn({ results: a + result('b.test.js', 'failed') + done })));
});

test('a suite that breaks off, with what it said, also in the middle of a line', () => {
  for (const torn of ['', '{"file":"b.te']) {
    const report = reportOn({ results: a + b + torn, output: 'out of memory' });
    assert.deepEqual(report.problems, ['The suite broke off:\nout of memory']);
    assert.ok(!hasPassed(report));
  }
});

test('a file of which nothing was heard', () => {
  const report = reportOn({ results: a + done });
  assert.deepEqual(report.problems, ['b.test.js: no test has run']);
  assert.ok(!hasPassed(report));
});

test('a machine that left nothing but a reason', () => {
  const report = reportOn({}, 'Kernel panic');
  assert.deepEqual(report.problems, [
    'Kernel panic',
    ...files.map((it) => `${it}: no test has run`),
  ]);
});

test("what the kernel's log says of itself", () => {
  const line = '<4>[   12.1] WARNING: CPU: 0 PID: 99 at drivers/vfio/vfio_main.c:1';
  const report = reportOn({ results: a + b + done, kernelLog: `<6>fine\n${line}\n` });
  assert.deepEqual(report.problems, [`The kernel's log: ${line}`]);
  assert.ok(!hasPassed(report));
});

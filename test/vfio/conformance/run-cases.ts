// Runs the conformance cases against one implementation of VfioHost.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError } from '../../../lib/index.js';
import { type Bench, Session } from './bench.js';
import type { Case } from './case.js';
import { containerCases } from './cases-container.js';
import { groupCases } from './cases-groups.js';
import { iommufdCases } from './cases-iommufd.js';
import { irqCases } from './cases-irqs.js';
import { regionCases } from './cases-regions.js';
import { type1Cases } from './cases-type1.js';

const suites: Readonly<Record<string, readonly Case[]>> = {
  containers: containerCases,
  groups: groupCases,
  'mappings of type1': type1Cases,
  'mappings of iommufd': iommufdCases,
  'regions of devices': regionCases,
  'interrupts of devices': irqCases,
};

/** Declares one test for each case; each has a bench of its own. */
export function runCases(name: string, open: () => Bench): void {
  for (const [what, cases] of Object.entries(suites)) {
    suite(`VFIO conformance: ${name}: ${what}`, () => {
      for (const { name: caseName, needs, steps } of cases) {
        test(caseName, (t) => {
          const session = new Session(open());
          try {
            if (needs !== undefined && !session.bench.has[needs]) {
              t.skip(`this host is without: ${needs}`);
              return;
            }
            for (const [i, step] of steps.entries()) {
              runStep(session, step, `call ${i + 1}, ${step.what}`);
            }
          } finally {
            session.close();
          }
        });
      }
    });
  }
}

function runStep(
  session: Session,
  { call, gives = 'ok', returns }: Case['steps'][number],
  what: string,
): void {
  let result: unknown;
  const given = outcome(() => {
    result = call(session);
  });
  assert.equal(given, gives, what);
  if (returns !== undefined) assert.deepEqual(result, returns, what);
}

/** `ok`, or the name of the error; anything that is not the kernel's refusal is thrown on. */
function outcome(body: () => void): string {
  try {
    body();
    return 'ok';
  } catch (error) {
    if (!(error instanceof FlatviewError) || error.errno === undefined) throw error;
    assert.equal(error.code, 'ERR_SYSTEM_CALL');
    assert.match(error.syscall ?? '', /^[A-Za-z0-9_]+\(.*\)$/);
    return error.errno;
  }
}

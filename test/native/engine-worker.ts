// A worker that uses the engine's functions and ends without giving anything back. It posts what came of it.

import { parentPort, workerData } from 'node:worker_threads';
import type { EngineAddon } from '../../lib/native/engine-addon.js';
import { rangeLayout, regionRecordFlag } from '../../lib/native/engine-addon.js';
import { loadAddon } from '../../lib/native/load.js';
import { RecordBatch } from './record-batch.js';

const addon = loadAddon() as EngineAddon;

function codeOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

// The handles of another environment mean nothing in this one.
const foreign = codeOf(() => addon.viewRangeCount(workerData.view));

const engine = addon.engineCreate(true);
const exchange = new BigUint64Array(addon.exchangeBuffer());
const batch = new RecordBatch(addon, engine);
batch.region(0, { flags: regionRecordFlag.terminates, size: 16n });
batch.space(0, 0, 0);
batch.commit();
exchange[0] = 15n;
addon.viewLookup(addon.viewAcquire(engine, 0));
const found = Number(exchange[rangeLayout.last]);

parentPort?.postMessage({ foreign, found });

#!/usr/bin/env node
import { untilInterrupted } from './interruption.js';
import { run } from './run.js';

const signal = untilInterrupted();
process.exitCode = await run(process.argv.slice(2), process, signal);
// Otherwise the process ends by itself when everything is written: an exit would cut off what is still in a pipe. Who
// interrupted it doesn't wait for a reader.
if (signal.aborted) process.exit();

#!/usr/bin/env node
import { run } from './run.js';

// The process ends by itself when everything is written: an exit here would cut off what is still in a pipe.
process.exitCode = await run(process.argv.slice(2), process);

import { readFileSync } from 'node:fs';
import { type Job, runFile } from '../run-folder.js';

/** What this machine was booted for. */
export const job: Job = JSON.parse(readFileSync(`/share/${runFile.job}`, 'utf8'));

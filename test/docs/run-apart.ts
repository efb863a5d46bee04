// Running a program that documentation shows as its reader does: in a process of its own, of which what it prints is looked at.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { repository } from './compile-programs.js';

/** What a run printed and answered. */
export interface ProgramOutcome {
  /** `null` where a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a compiled program, in the repository's root. */
export async function runApart(javascript: string): Promise<ProgramOutcome> {
  // Within the package, so that its name means this package, and below dist/, so that nothing else sees it.
  const folder = mkdtempSync(path.join(repository, 'dist/shown-'));
  try {
    const file = path.join(folder, 'program.mjs');
    writeFileSync(file, javascript);
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    const [status, stdout, stderr] = await Promise.all([
      ended,
      text(child.stdout),
      text(child.stderr),
    ]);
    return { status, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

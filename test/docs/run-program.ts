// Programs that documentation shows: type-checked under the project's own settings against the package as it is built, and run as an
// embedder's, which imports the package by its name.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import ts from 'typescript';

export const repository = path.resolve(import.meta.dirname, '../../..');

/** A program that documentation shows. */
export interface ShownProgram {
  /** The file that shows it, from the repository's root. */
  readonly page: string;
  /** TypeScript, in which line numbers are those of the page: lines that aren't the program's are empty. */
  readonly source: string;
}

export interface CompiledProgram {
  /** What the compiler finds wrong, each with its place in the page. */
  readonly mistakes: readonly string[];
  /** Empty where it can't be compiled. */
  readonly javascript: string;
}

/** What a run printed and answered. */
export interface ProgramOutcome {
  /** `null` where a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Type-checks and compiles programs, all at once: most of the time goes into reading the package's declarations. */
export function compilePrograms(programs: readonly ShownProgram[]): CompiledProgram[] {
  const sources = new Map(
    programs.map(({ page, source }, i) => [path.join(repository, `${page}.${i}.ts`), source]),
  );
  const options = compilerOptions();
  const host = hostWith(sources, options);
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].map((file, i) => {
    const sourceFile = program.getSourceFile(file);
    let javascript = '';
    program.emit(sourceFile, (_, output) => {
      javascript = output;
    });
    const mistakes = ts
      .getPreEmitDiagnostics(program, sourceFile)
      .map((mistake) => placedMistake(mistake, programs[i]?.page ?? ''));
    return { mistakes, javascript };
  });
}

/** Runs a compiled program in a process of its own, in the repository's root. */
export async function runProgram(javascript: string): Promise<ProgramOutcome> {
  // Within the package, so that its name means this package, and below dist/, so that nothing else sees it.
  const folder = mkdtempSync(path.join(repository, 'dist/example-'));
  try {
    const file = path.join(folder, 'example.mjs');
    writeFileSync(file, javascript);
    const child = spawn(process.execPath, [file], {
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

/** The project's settings; but nothing is written, and a name of the package is what an embedder gets: the built declarations. */
function compilerOptions(): ts.CompilerOptions {
  const file = path.join(repository, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, (name) => ts.sys.readFile(name));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, repository);
  for (const name of ['outDir', 'rootDir', 'incremental', 'tsBuildInfoFile', 'declaration']) {
    delete options[name];
  }
  return { ...options, sourceMap: false };
}

/** The compiler's view of the file system, with files that are in memory only. */
function hostWith(
  sources: ReadonlyMap<string, string>,
  options: ts.CompilerOptions,
): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...more) => {
    const source = sources.get(name);
    if (source === undefined) return getSourceFile(name, version, ...more);
    return ts.createSourceFile(name, source, version);
  };
  return host;
}

function placedMistake({ file, start, messageText }: ts.Diagnostic, page: string): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return `${page}: ${message}`;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return `${page}:${line + 1}:${character + 1}: ${message}`;
}

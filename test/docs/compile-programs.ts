// Programs that documentation shows, in docstrings and in Markdown: type-checked under the project's own settings against the package
// as it is built, and compiled. An embedder's program imports the package by its name; so do these.

import path from 'node:path';
import ts from 'typescript';
import { withAssertions } from './assertions.js';

export const repository = path.resolve(import.meta.dirname, '../../..');

/** A program that documentation shows. */
export interface ShownProgram {
  /** What a test of it is called. */
  readonly name: string;
  /** The file that shows it, from the repository's root. */
  readonly page: string;
  /** TypeScript, in which line numbers are those of the page: lines that aren't the program's are empty. */
  readonly source: string;
  /** What follows `ts` where its block begins: what it needs of the machine. */
  readonly needs: readonly string[];
}

export interface CompiledProgram {
  readonly shown: ShownProgram;
  /** What is wrong with it, each with its place in the page. */
  readonly mistakes: readonly string[];
  /** Its positions are the page's, by a source map. Of no use where there are mistakes. */
  readonly javascript: string;
}

/** Programs compiled together, and what the compiler knows of them. */
export interface Compilation {
  readonly programs: readonly CompiledProgram[];
  readonly checker: ts.TypeChecker;
  /** The types of each entry point of the package, by the name that it is imported by. */
  readonly entryPoints: ReadonlyMap<string, ts.SourceFile>;
  /** The source of each program, with its assertions as calls. */
  readonly sources: readonly ts.SourceFile[];
}

/** Type-checks and compiles programs, all at once: most of the time goes into reading the package's declarations. */
export function compilePrograms(shown: readonly ShownProgram[]): Compilation {
  const files = shown.map(({ page }, i) => path.join(repository, `${page}.${i}.ts`));
  const asserting = shown.map(({ source }) => withAssertions(source));
  const options = compilerOptions();
  const host = hostWith(new Map(files.map((file, i) => [file, asserting[i]!.source])), options);
  const entryPoints = entryPointFiles();
  const program = ts.createProgram([...files, ...entryPoints.values()], options, host);
  const sources = files.map((file) => program.getSourceFile(file)!);
  return {
    programs: shown.map((one, i) => {
      const { mistakes } = asserting[i]!;
      return {
        shown: one,
        mistakes: [
          ...mistakes.map(({ line, message }) => `${one.page}:${line}: ${message}`),
          ...ts
            .getPreEmitDiagnostics(program, sources[i])
            .map((mistake) => placedMistake(mistake, one.page)),
        ],
        javascript: emit(program, sources[i]!, one.page),
      };
    }),
    checker: program.getTypeChecker(),
    entryPoints: new Map(
      [...entryPoints].map(([name, file]) => [name, program.getSourceFile(file)!]),
    ),
    sources,
  };
}

/** JavaScript whose source map leads to `page`. */
function emit(program: ts.Program, source: ts.SourceFile, page: string): string {
  let code = '';
  let map = '';
  program.emit(source, (file, output) => {
    if (file.endsWith('.map')) map = output;
    else code = output;
  });
  const toPage = JSON.stringify({ ...JSON.parse(map), sources: [path.join(repository, page)] });
  const inline = `data:application/json;base64,${Buffer.from(toPage).toString('base64')}`;
  return code.replace(/^\/\/# sourceMappingURL=.*$/m, `//# sourceMappingURL=${inline}`);
}

/** The declarations that each name under `exports` in package.json leads to. */
function entryPointFiles(): Map<string, string> {
  const { name, exports } = JSON.parse(
    ts.sys.readFile(path.join(repository, 'package.json')) ?? '',
  ) as { name: string; exports: Record<string, string | { types: string }> };
  const entries = Object.entries(exports).flatMap(([part, target]) =>
    typeof target === 'string'
      ? []
      : [[path.posix.join(name, part), path.join(repository, target.types)] as const],
  );
  return new Map(entries);
}

/** The project's settings; but nothing is written, and a name of the package is what an embedder gets: the built declarations. */
function compilerOptions(): ts.CompilerOptions {
  const file = path.join(repository, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, (name) => ts.sys.readFile(name));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, repository);
  for (const name of ['outDir', 'rootDir', 'incremental', 'tsBuildInfoFile', 'declaration']) {
    delete options[name];
  }
  return { ...options, sourceMap: true };
}

/** The compiler's view of the file system, with files that are in memory only. */
function hostWith(
  sources: ReadonlyMap<string, string>,
  options: ts.CompilerOptions,
): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...more) => {
    const source = sources.get(name);
    if (source === undefined) return getSourceFile(name, version, ...more);
    return ts.createSourceFile(name, source, version, true);
  };
  return host;
}

function placedMistake({ file, start, messageText }: ts.Diagnostic, page: string): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return `${page}: ${message}`;
  return `${page}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${message}`;
}

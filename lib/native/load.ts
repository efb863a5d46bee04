import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { FlatviewError } from '../errors.js';
import { findPackageRoot } from '../package-root.js';

const require = createRequire(import.meta.url);

/** What this process runs on, in the words of the folders under `prebuilds/`. */
const platform = `${process.platform}-${process.arch}`;

/**
 * Where an addon can be, best first: built here from source, or shipped in the published package.
 * `FLATVIEW_ADDON` names another one instead, such as a debug build or one with sanitizers.
 */
function candidates(): string[] {
  const chosen = process.env['FLATVIEW_ADDON'];
  return chosen === undefined
    ? ['build/Release/flatview.node', `prebuilds/${platform}/flatview.node`]
    : [path.resolve(chosen)];
}

/**
 * Loads the native addon and returns its table of functions.
 *
 * @param packageRoot The folder that holds package.json; by default that of this package.
 * @throws {FlatviewError} `ERR_ADDON_NOT_FOUND`: there is no addon for this platform or it does not load;
 *   the message says what was tried, why each try failed, and what to do.
 */
export function loadAddon(packageRoot: string = findPackageRoot()): unknown {
  const failures: Error[] = [];
  for (const candidate of candidates()) {
    const file = path.resolve(packageRoot, candidate);
    if (!existsSync(file)) continue;
    try {
      return require(file);
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  throw new FlatviewError('ERR_ADDON_NOT_FOUND', diagnose(packageRoot, failures), {
    cause: failures[0],
  });
}

function diagnose(packageRoot: string, failures: readonly Error[]): string {
  return [
    `The native addon of flatview could not be loaded on ${platform} (${cLibrary()}, Node.js ${process.version}).`,
    `Looked in ${packageRoot} for:`,
    ...candidates().map((candidate) => `  ${candidate}`),
    ...(failures.length === 0 ? ['None of these files exists.'] : ['What exists does not load:']),
    ...failures.map((failure) => `  ${failure.message}`),
    'What helps:',
    ...cures(packageRoot).map((cure) => `  - ${cure}`),
  ].join('\n');
}

function cures(packageRoot: string): string[] {
  if (process.platform !== 'linux') {
    return [`Run on Linux: flatview needs its system calls, and ${process.platform} has others.`];
  }
  return [
    'In a clone of the repository: npm run build:native',
    `In an installed package, compile it from source (needs Python, make and a C++20 compiler): cd ${packageRoot} && cp addon.gyp binding.gyp && npx node-gyp rebuild`,
    'If node_modules was copied from another machine or image: delete it and run npm ci here.',
  ];
}

/** The C library that this process runs on: a binary made for glibc does not load on musl. */
function cLibrary(): string {
  const report: unknown = process.report.getReport();
  const header = isRecord(report) ? report['header'] : undefined;
  const version = isRecord(header) ? header['glibcVersionRuntime'] : undefined;
  return typeof version === 'string' ? `glibc ${version}` : 'no glibc';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

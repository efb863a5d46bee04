import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import path from 'node:path';
import { FlatviewError } from '../errors.js';
import { findPackageRoot } from '../package-root.js';
import { loadWasmAddon } from './wasm/wasm-addon.js';

const require = createRequire(import.meta.url);

/** What this process runs on, in the words of the folders under `prebuilds/`. */
const platform = `${process.platform}-${process.arch}`;

/** Those for which the published package has a native addon. */
const shipped: readonly string[] = ['linux-x64', 'linux-arm64'];

/** The engine as WebAssembly, for all others. */
const wasmModule = 'prebuilds/wasm32/flatview.wasm';

/**
 * Where an addon can be, best first: built here from source, or shipped in the published package, or the engine as
 * WebAssembly. `FLATVIEW_ADDON` names another one instead, such as a debug build, one with sanitizers, or a `.wasm`.
 */
function candidates(): string[] {
  const chosen = process.env['FLATVIEW_ADDON'];
  return chosen === undefined
    ? ['build/Release/flatview.node', `prebuilds/${platform}/flatview.node`, wasmModule]
    : [path.resolve(chosen)];
}

/**
 * Loads the native addon, or what stands in for it where there is none, and returns its table of functions. Where a
 * native addon was to be expected, a warning says that it is not the one (`FLATVIEW_WEBASSEMBLY`).
 *
 * @param packageRoot The folder that holds package.json; by default that of this package.
 * @throws {FlatviewError} `ERR_ADDON_NOT_FOUND`: there is nothing for this platform or it does not load;
 *   the message says what was tried, why each try failed, and what to do.
 */
export function loadAddon(packageRoot: string = findPackageRoot()): unknown {
  const failures: Error[] = [];
  for (const candidate of candidates()) {
    const file = path.resolve(packageRoot, candidate);
    if (!existsSync(file)) continue;
    try {
      if (!file.endsWith('.wasm')) return require(file);
      return loadWebAssembly(file, failures);
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  throw new FlatviewError('ERR_ADDON_NOT_FOUND', diagnose(packageRoot, failures), {
    cause: failures[0],
  });
}

/** @param failures Why native addons that exist did not load. */
function loadWebAssembly(file: string, failures: readonly Error[]): unknown {
  if (endianness() === 'BE') throw new Error(`${file} is for little-endian processors`);
  const why = whyNoNativeAddon(failures);
  const addon = loadWasmAddon(file, why);
  const isChosen = process.env['FLATVIEW_ADDON'] !== undefined;
  if (!isChosen && (failures.length > 0 || shipped.includes(platform))) {
    const message = `flatview has its engine as WebAssembly, without KVM, VFIO and shared memory: ${why}`;
    process.emitWarning(message, { code: 'FLATVIEW_WEBASSEMBLY' });
  }
  return addon;
}

function whyNoNativeAddon([failure]: readonly Error[]): string {
  const chosen = process.env['FLATVIEW_ADDON'];
  if (chosen !== undefined) return `FLATVIEW_ADDON is ${chosen}`;
  if (failure !== undefined) {
    const [firstLine] = failure.message.split('\n', 1);
    return `on ${platform} (${cLibrary()}), ${firstLine}`;
  }
  if (shipped.includes(platform)) return `prebuilds/${platform}/flatview.node is not there`;
  return process.platform === 'linux'
    ? `none is shipped for ${platform}; it can be compiled`
    : `there is none for ${process.platform}`;
}

function diagnose(packageRoot: string, failures: readonly Error[]): string {
  return [
    `The addon of flatview could not be loaded on ${platform} (${cLibrary()}, Node.js ${process.version}).`,
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
    return [
      'In a clone of the repository: npm run build:wasm',
      `In an installed package: delete node_modules and run npm ci here; ${wasmModule} comes with the package.`,
    ];
  }
  return [
    'In a clone of the repository: npm run build:native',
    `In an installed package, compile it from source (needs Python, make and a C++20 compiler): cd ${packageRoot} && cp addon.gyp binding.gyp && npx node-gyp rebuild`,
    'If node_modules was copied from another machine or image: delete it and run npm ci here.',
  ];
}

/** The C library that this process runs on, which a native addon may be too new for. */
function cLibrary(): string {
  const report: unknown = process.report.getReport();
  const header = isRecord(report) ? report['header'] : undefined;
  const version = isRecord(header) ? header['glibcVersionRuntime'] : undefined;
  return typeof version === 'string' ? `glibc ${version}` : 'no glibc';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

import assert from 'node:assert/strict';
import {
  type ExecFileSyncOptionsWithStringEncoding,
  execFileSync,
  spawnSync,
} from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { foreignEnvironment } from '../foreign-environment.js';
import { importsOf, loadUnderMusl, muslFunctions, whyNoMusl } from './musl-host.js';
import { disguises, type Outcome, runDisguised, whyNoWasm } from './other-systems.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

function run(cwd: string, command: string, ...args: string[]): string {
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd,
    env: { ...foreignEnvironment(), FLATVIEW_ADDON: undefined },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  return execFileSync(command, args, options);
}

/** A program for a user of the package: builds a small tree, and prints where its one device is. */
const body = `
const topology = new MemoryTopology();
const system = topology.container('system', 2n ** 64n);
system.addSubregion(0x1000n, topology.reservation('hole', 0x20n), { priority: 1 });
const memory = topology.addressSpace('memory', system);
for (const range of memory.flatView.ranges()) {
  console.log(range.address.toString(16), range.size.toString(16), range.region.name);
}
topology.close();
`;
const output = '1000 20 hole\n';

/** The folders of prebuilds/ that were built here: this platform's, and any that an earlier full build left. */
function prebuilds(): string[] {
  return readdirSync(path.join(repository, 'prebuilds')).sort();
}

/** A program that asks for what only Linux has, and prints how that is refused. */
const askForTheKernel = `
import { HostMemory, MemoryTopology } from 'flatview';
import { EventFd, Kvm } from 'flatview/kvm';
import { locatePciDevice, Vfio } from 'flatview/vfio';
const topology = new MemoryTopology();
const memory = topology.addressSpace('memory', topology.ram('ram', 0x2000));
for (const attempt of [
  () => Kvm.open(),
  () => EventFd.create(),
  () => new Vfio().openContainer(),
  () => new Vfio().openGroup(1),
  () => new Vfio().openCdev('vfio0'),
  () => new Vfio().openIommufd(),
  () => locatePciDevice('0000:05:00.0'),
  () => memory.share(),
  () => HostMemory.allocate(2n ** 32n + 1n, { name: 'pc.ram' }),
  () => HostMemory.allocate(1, { shared: true }),
]) {
  try {
    attempt();
    console.log('it worked');
  } catch ({ code, message }) {
    console.log(code, message);
  }
}
`;

describe('the published package', () => {
  let scratch = '';
  let tarball = '';
  let files: string[] = [];
  let unpackedBytes = 0;
  const addon = path.join(
    repository,
    `prebuilds/${process.platform}-${process.arch}/flatview.node`,
  );

  before(() => {
    scratch = mkdtempSync(path.join(os.tmpdir(), 'flatview-package-'));
    run(repository, 'npm', 'run', 'build:prebuild', '--', '--this-platform');
    if (whyNoWasm() === undefined) run(repository, 'npm', 'run', 'build:wasm');
    const packed = ['pack', '--ignore-scripts', '--json', `--pack-destination=${scratch}`];
    const report = JSON.parse(run(repository, 'npm', ...packed));
    tarball = path.join(scratch, report[0].filename);
    files = report[0].files.map((file: { path: string }) => file.path);
    unpackedBytes = report[0].unpackedSize;

    writeFileSync(path.join(scratch, 'package.json'), '{ "private": true }');
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
    run(scratch, 'npm', 'install', ...quiet, tarball);
  });

  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  it('holds the library, its types, the addon, and what compiles it from source', () => {
    for (const file of [
      'LICENSE',
      'README.md',
      'addon.gyp',
      'dist/bundle/index.js',
      'dist/bundle/cli/main.js',
      'dist/bundle/map-page.js',
      'dist/lib/index.d.ts',
      'native/sources.gypi',
      `prebuilds/${process.platform}-${process.arch}/flatview.node`,
    ]) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    const { engine, kernel, binding } = JSON.parse(
      readFileSync(path.join(repository, 'native/sources.gypi'), 'utf8'),
    ).variables;
    for (const source of [...engine, ...kernel, ...binding]) {
      assert.ok(files.includes(source), `${source} is missing`);
    }
  });

  it('holds no test, no corpus and no tool of ours', () => {
    const strays = files.filter((file) =>
      /(^|\/)(test|corpus|scripts|benchmarks)\/|\.test\./.test(file),
    );
    assert.deepEqual(strays, []);
  });

  it('has each module once: the code in the bundle, the types beside it', () => {
    const modules = files.filter((file) => file.startsWith('dist/lib/'));
    assert.deepEqual(
      modules.filter((file) => !file.endsWith('.d.ts')),
      [],
    );
  });

  it('has only folders that are meant for users, and keeps its size', () => {
    const folders = files.map((file) => file.split('/').slice(0, -1).slice(0, 2).join('/'));
    assert.deepEqual([...new Set(folders)].sort(), [
      '',
      'dist/bundle',
      'dist/examples',
      'dist/lib',
      'examples/dumps',
      'examples/passthrough',
      'examples/recordings',
      'examples/tiny-vmm',
      'native',
      'native/binding',
      'native/engine',
      'native/kernel',
      'native/portable',
      ...prebuilds().map((name) => `prebuilds/${name}`),
    ]);
    const roots = files.filter((file) => !file.includes('/')).sort();
    assert.deepEqual(roots, ['CHANGELOG.md', 'LICENSE', 'README.md', 'addon.gyp', 'package.json']);
    // Twice what it is, to be noticed when something large slips in.
    assert.ok(statSync(tarball).size < 3 << 20, `the tarball has ${statSync(tarball).size} bytes`);
    assert.ok(unpackedBytes < 8 << 20, `the package has ${unpackedBytes} bytes`);
  });

  it('has an addon for any Linux: glibc 2.28, no library but that of C', () => {
    for (const name of prebuilds().filter((folder) => folder !== 'wasm32')) {
      run(
        repository,
        process.execPath,
        'scripts/check-portable.mjs',
        `prebuilds/${name}/flatview.node`,
      );
    }
  });

  it('has an addon that musl loads too', (context) => {
    const reason = whyNoMusl();
    if (reason !== undefined) return context.skip(reason);
    const functions = muslFunctions();
    const missing = importsOf(addon).filter(
      (name) => !functions.has(name) && !/^(napi|node_api)_/.test(name),
    );
    assert.deepEqual(missing, []);
    const said = loadUnderMusl(addon, path.join(repository, 'test/package'), scratch);
    assert.match(said, /^[1-9]\d+ functions registered, instance made$/m);
  });

  it('works where there is no compiler and nothing else of the system', () => {
    const bin = path.join(scratch, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, path.join(bin, 'node'));
    const env = { PATH: bin, HOME: scratch };
    const command = path.join(scratch, 'node_modules/flatview/dist/bundle/cli/main.js');
    const dump = path.join(scratch, 'node_modules/flatview/examples/dumps/pc-i440fx.txt.gz');
    const options = { cwd: scratch, env, encoding: 'utf8', stdio: 'pipe' } as const;
    const told = execFileSync(process.execPath, [command, 'demo'], options);
    assert.match(told, /7\. The map in the end/);
    const explained = execFileSync(process.execPath, [command, 'explain', dump, 'cb123'], options);
    assert.match(explained, /pc\.ram \+0xcb123 \(ram\) answers/);
    const page = path.join(scratch, 'map.html');
    execFileSync(process.execPath, [command, 'map', dump, '--html', page], options);
    assert.match(readFileSync(page, 'utf8'), /<script>[^<]*function mapChanges\(/);
  });

  it('has types that resolve for every kind of consumer', () => {
    const attw = path.join(repository, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    // An ES module that CommonJS requires is meant so: Node.js 20.19 and newer do it.
    const rules = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'];
    run(scratch, process.execPath, attw, tarball, ...rules, '--no-color', '--no-emoji');
  });

  it('runs nothing when it is installed', () => {
    const manifest = JSON.parse(
      readFileSync(path.join(scratch, 'node_modules/flatview/package.json'), 'utf8'),
    );
    assert.equal(manifest.gypfile, false);
    for (const hook of ['preinstall', 'install', 'postinstall']) {
      assert.equal(manifest.scripts[hook], undefined);
    }
  });

  it('has a manifest that publint has nothing to say about', async () => {
    const { buffer } = new Uint8Array(readFileSync(tarball));
    const { messages } = await publint({ pack: { tarball: buffer } });
    assert.deepEqual(messages, []);
  });

  it('is imported by an ES module, and finds its prebuilt addon', () => {
    writeFileSync(
      path.join(scratch, 'program.mjs'),
      `import { MemoryTopology } from 'flatview';\n${body}`,
    );
    assert.equal(run(scratch, process.execPath, 'program.mjs'), output);
  });

  it('has its parts under names of their own, which work together', () => {
    const parts = `
import { MemoryTopology } from 'flatview';
import { KvmMemorySlots } from 'flatview/kvm';
import { buildPageMap } from 'flatview/map';
import { mapPages } from 'flatview/mapping';
import { SimulatedKvm } from 'flatview/simulated';
const topology = new MemoryTopology();
const memory = topology.addressSpace('memory', topology.ram('ram', 0x2000));
const slots = new KvmMemorySlots(new SimulatedKvm());
memory.addListener(slots);
console.log(slots.slots.length, memory.explain(0).verdicts[0].code, typeof mapPages);
console.log(buildPageMap([memory]).spaces[0].consumers[0].verdicts[0].code);
`;
    writeFileSync(path.join(scratch, 'parts.mjs'), parts);
    assert.equal(run(scratch, process.execPath, 'parts.mjs'), '1 mapped function\nmapped\n');
  });

  it('has one FlatviewError, whichever part throws it', () => {
    const program = `
import { FlatviewError, MemoryTopology } from 'flatview';
import { KvmMemorySlots } from 'flatview/kvm';
import { PciBus } from 'flatview/pci';
import { readRecording } from 'flatview/recording';
import { SimulatedKvm } from 'flatview/simulated';
const memory = new MemoryTopology().container('pci', 0x1000);
const mistakes = [
  () => new KvmMemorySlots(new SimulatedKvm(), { addressSpaceId: -1 }),
  () => new PciBus({ memory, pageSize: 1n }),
  () => readRecording(Buffer.from('no recording')),
];
for (const mistake of mistakes) {
  try { mistake(); } catch (error) { console.log(error instanceof FlatviewError, error.code); }
}
`;
    writeFileSync(path.join(scratch, 'errors.mjs'), program);
    const told = [
      'true ERR_INVALID_ARGUMENT',
      'true ERR_INVALID_ARGUMENT',
      'true ERR_MALFORMED_INPUT',
      '',
    ];
    assert.equal(run(scratch, process.execPath, 'errors.mjs'), told.join('\n'));
  });

  it('has source maps that lead from a stack trace to the source', () => {
    const program = `
import { MemoryTopology } from 'flatview';
new MemoryTopology().container('too large', -1n);
`;
    writeFileSync(path.join(scratch, 'trace.mjs'), program);
    const options = { cwd: scratch, encoding: 'utf8', stdio: 'pipe' } as const;
    const trace = (...args: string[]) =>
      spawnSync(process.execPath, [...args, 'trace.mjs'], options).stderr;
    assert.match(
      trace(),
      /at MemoryTopology\.container \(.*bundle\/chunks\/flatview\.js:\d+:\d+\)/,
    );
    assert.match(
      trace('--enable-source-maps'),
      /at MemoryTopology\.container \(.*lib\/memory\/topology\.ts:\d+/,
    );
  });

  it('is required by a CommonJS module', () => {
    writeFileSync(
      path.join(scratch, 'program.cjs'),
      `const { MemoryTopology } = require('flatview');\n${body}`,
    );
    assert.equal(run(scratch, process.execPath, '--no-warnings', 'program.cjs'), output);
  });

  it("type-checks in a program as strict as ours, without Node's types", () => {
    const folder = path.join(scratch, 'typed');
    mkdirSync(folder);
    writeFileSync(
      path.join(folder, 'program.mts'),
      `import { MemoryTopology } from 'flatview';
import { KvmMemorySlots } from 'flatview/kvm';
import { refusalCodes } from 'flatview/mapping';
import { SimulatedKvm } from 'flatview/simulated';
declare const console: { log(...values: string[]): void };
console.log(String(new KvmMemorySlots(new SimulatedKvm()).slotLimit), refusalCodes['sub-page']);
${body}`,
    );
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      types: [],
      noEmit: true,
    };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    run(folder, process.execPath, path.join(repository, 'node_modules/typescript/bin/tsc'));
  });

  it('brings the command', () => {
    const command = path.join(scratch, 'node_modules/.bin/flatview');
    const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8'));
    assert.equal(run(scratch, command, '--version').trim(), version);
  });

  /** What commands say without a disguise. */
  const undisguised = new Map<string, Outcome>();

  for (const disguise of disguises) {
    describe(`on ${disguise.platform}-${disguise.arch}, as far as a disguise goes`, () => {
      const installed = () => path.join(scratch, 'node_modules/flatview');
      const command = () => path.join(installed(), 'dist/bundle/cli/main.js');
      const skip = whyNoWasm() ?? false;

      it('says the same of a dump as on Linux', { skip }, () => {
        const dump = path.join(installed(), 'examples/dumps/pc-i440fx.txt.gz');
        for (const args of [
          ['explain', dump, 'cb123'],
          ['flat', dump],
          ['lint', dump],
          ['map', dump, '--to', '0x100000'],
          ['mtree', dump, '--json'],
          [
            'replay',
            path.join(installed(), 'examples/recordings/pc-seabios.fvr.gz'),
            '--step',
            '30',
          ],
        ]) {
          const key = args.join(' ');
          const here = undisguised.get(key) ?? runDisguised(undefined, scratch, command(), ...args);
          undisguised.set(key, here);
          assert.notEqual(here.stdout, '');
          assert.deepEqual(runDisguised(disguise, scratch, command(), ...args), here);
        }
      });

      it('tells the demo, on the simulated KVM', { skip }, () => {
        const { stdout, stderr } = runDisguised(disguise, scratch, command(), 'demo');
        assert.match(stdout, /7\. The map in the end/);
        assert.equal(stderr, '');
      });

      it('says what each way to the kernel needs', { skip }, () => {
        const program = path.join(scratch, 'kernel.mjs');
        writeFileSync(program, askForTheKernel);
        const { stdout, stderr } = runDisguised(disguise, scratch, program);
        assert.equal(stderr, '');
        const lines = stdout.trim().split('\n');
        const [kernel, device, other] = [lines.slice(0, 6), lines[6] ?? '', lines.slice(7)];
        assert.equal(other.length, 3);
        for (const line of kernel) assert.match(line, disguise.kernelRefusal);
        assert.match(device, disguise.deviceRefusal);
        for (const line of other) assert.match(line, /^ERR_NEEDS_NATIVE_ADDON /);
        assert.match(other[1] ?? '', /more than 4 GiB \(pc\.ram: 0x100000001 bytes\)/);
      });

      it('says what preflight needs', { skip }, (context) => {
        if (disguise.platform === 'linux') return context.skip('it is Linux');
        const { status, stderr } = runDisguised(disguise, scratch, command(), 'preflight');
        assert.equal(status, 2);
        assert.match(stderr, /looking at the PCI devices of this machine needs Linux/);
      });
    });
  }
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { FlatviewError } from '../errors.js';
import { findPackageRoot } from '../package-root.js';
import { Interrupted } from './interruption.js';
import { exitCode, Session, type Streams } from './session.js';
import { ReaderGone } from './text-output.js';

const inputHelp = `
INPUT is a file, or - for the standard input:
  - a topology as JSON (docs/topology-json.md), or
  - what QEMU's monitor prints for "info mtree", best with -o -D and followed by "info mtree -f":
      (echo info mtree -o -D; echo info mtree -f) | socat - unix:monitor.sock | flatview flat -
Either may be gzipped. What a text doesn't tell is said on the standard error, with its line.
map takes a recording, too (docs/recording.md).

Exit status: 0 it worked, 1 the answer is no, 2 bad input or usage, 130 it was interrupted.`;

/**
 * Runs the command line.
 *
 * @param args What follows the command's name.
 * @param signal Ends it: aborted with {@link Interrupted}.
 * @returns The exit status.
 */
export async function run(
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const session = new Session(streams, signal);
  let status: number = exitCode.ok;
  const program = commandLine(session, streams, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof ReaderGone) return exitCode.ok;
    if (error instanceof Interrupted) {
      await session.err.print([`flatview: ${error.message}`]);
      return error.exitCode;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.bad;
    if (!(error instanceof FlatviewError)) throw error;
    await session.err.print([`flatview: ${error.message} (${error.code})`]);
    return exitCode.bad;
  }
}

function commandLine(session: Session, streams: Streams, done: (status: number) => void): Command {
  const program = new Command('flatview')
    .description('Reads the memory map of a virtual machine, renders it, and explains it.')
    .version(packageVersion(), '-V, --version')
    .option('-q, --quiet', "show no progress, nor what the input doesn't tell")
    .on('option:quiet', () => {
      session.isQuiet = true;
    })
    .addHelpText('after', inputHelp)
    .showHelpAfterError('(flatview --help says more)')
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .exitOverride();

  program
    .command('flat <INPUT>')
    .description('print the flat views, as "info mtree -f" does')
    .option('-o, --owners', "append each region's owner")
    .option('--json', 'print the topology with its flat views as JSON')
    .action(async (input, options) => {
      const { flat } = await import('./flat.js');
      done(await flat(session, input, options));
    });

  program
    .command('mtree <INPUT>')
    .description('print the tree, as "info mtree" does')
    .option('-o, --owners', "append each region's owner")
    .option('-D, --disabled', 'print disabled regions too')
    .option('--json', 'print the topology as JSON: this turns text into JSON')
    .action(async (input, options) => {
      const { mtree } = await import('./mtree.js');
      done(await mtree(session, input, options));
    });

  program
    .command('explain <INPUT> <ADDRESS>')
    .description('say who answers at an address (hexadecimal), what is shadowed there, and why')
    .option('--as <NAME>', 'in this address space (default: memory, or the first one)')
    .option('--json', 'print it as JSON')
    .action(async (input, address, options) => {
      const { explainAddress } = await import('./explain.js');
      done(await explainAddress(session, input, address, options));
    });

  addDiff(program, session, done);
  addLint(program, session, done);
  addMap(program, session, done);
  addPreflight(program, session, done);
  addReplay(program, session, done);

  program
    .command('demo')
    .description('run a guest on KVM, and move its memory under it (examples/tiny-vmm)')
    .action(async () => {
      const { demo } = await import('./demo.js');
      done(await demo(session));
    });

  return program;
}

function addDiff(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('diff <BEFORE> <AFTER>')
    .description('say what changed in the flat views: two dumps, before and after a BAR write')
    .option('--as <NAME>', 'in this address space only')
    .option('--json', 'print it as JSON')
    .action(async (before, after, options) => {
      const { diffInputs } = await import('./diff.js');
      done(await diffInputs(session, before, after, options));
    });
}

function addLint(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('lint <INPUT>')
    .description('look for hazards: pages that cannot be mapped, regions that hide each other')
    .option('--as <NAME>', 'in this address space only')
    .option('--page-size <SIZE>', 'as on a host with pages of this size: 4K, 16K, 64K', '4K')
    .option('--level <LEVEL>', 'what counts: error, warning or note (default: warning)')
    .option('--only <IDS>', 'look for these only, and count notes too: split-page,shared-page')
    .option('--ignore <IDS>', "don't look for these")
    .option('--json', 'print it as JSON')
    .action(async (input, options) => {
      const { lintInput } = await import('./lint.js');
      done(await lintInput(session, input, options));
    });
}

function addMap(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('map <INPUT> [AFTER]')
    .description('draw the stack: what shows, what it hides, and which pages can be mapped')
    .option('--as <NAME>', 'of this address space (default: memory, or the first one)')
    .option('--from <ADDRESS>', 'from this address on (hexadecimal)')
    .option('--to <ADDRESS>', 'up to this address')
    .option('--page-size <SIZE>', 'as on a host with pages of this size: 4K, 16K, 64K', '4K')
    .option('--width <COLUMNS>', 'characters of a line (default: those of the terminal, or 100)')
    .option('--color <WHEN>', 'colour it: auto, always or never', 'auto')
    .option('--json', 'print it as JSON')
    .option('--svg <FILE>', 'write it as a picture for documents')
    .option('--html <FILE>', 'write it as a page to look at, search and zoom in')
    .option('--step <N>', 'of a recording: as it was after this step (default: the last one)')
    .option('--diff <N...>', 'what changed from one step to another: --diff 3 7')
    .option('--steps <N...>', 'the steps of a page, first and last: --steps 0 500 (default: all)')
    .action(async (input, after, options) => {
      const { drawMap } = await import('./map.js');
      done(await drawMap(session, input, after, options));
    });
}

function addPreflight(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('preflight [ADDRESS]')
    .description(
      "say whether the host's PCI devices can be given to a guest, and what is in the way",
    )
    .option('--memory <SIZE>', "the guest's memory, to be held against the limits: 8G")
    .option('--page-size <SIZE>', 'as if the host had pages of this size: 64K')
    .option('--sysfs <DIR>', "look at another machine's /sys")
    .option('--proc <DIR>', 'its /proc')
    .option('--dev <DIR>', 'its /dev')
    .option('--json', 'print it as JSON')
    .action(async (address, options) => {
      const { checkPassthrough } = await import('./preflight.js');
      done(await checkPassthrough(session, address, options));
    });
}

function addReplay(program: Command, session: Session, done: (status: number) => void): void {
  program
    .command('replay <FILE>')
    .description('replay recorded commits: measure them, show a step, find who took an address')
    .option('--step <N>', 'print the flat views at this step; 0 is the beginning')
    .option('--tree', 'print the tree instead')
    .option('-o, --owners', "append each region's owner")
    .option('--changes <N>', 'say what this step changed')
    .option('--diff <N...>', 'say what changed from one step to another: --diff 3 7')
    .option('--bisect <ADDRESS>', 'find the first step at which the address changed hands, and why')
    .option('--address <ADDRESS>', 'list all steps at which it did')
    .option('--as <NAME>', 'in this address space (default: memory, or the first one)')
    .option('--from <N>', 'look from this step on')
    .option('--json', 'print it as JSON')
    .action(async (file, options) => {
      const { replay } = await import('./replay.js');
      done(await replay(session, file, options));
    });
}

function packageVersion(): string {
  const manifest = path.join(findPackageRoot(), 'package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

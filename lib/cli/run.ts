import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { FlatviewError } from '../errors.js';
import { demo } from './demo.js';
import { explainAddress } from './explain.js';
import { flat } from './flat.js';
import { mtree } from './mtree.js';
import { checkPassthrough } from './preflight.js';
import { exitCode, Session, type Streams } from './session.js';
import { ReaderGone } from './text-output.js';

const inputHelp = `
INPUT is a file, or - for the standard input:
  - a topology as JSON (docs/topology-json.md), or
  - what QEMU's monitor prints for "info mtree", best with -o -D and followed by "info mtree -f":
      (echo info mtree -o -D; echo info mtree -f) | socat - unix:monitor.sock | flatview flat -
Either may be gzipped. What a text doesn't tell is said on the standard error, with its line.

Exit status: 0 it worked, 1 the answer is no, 2 bad input or usage.`;

/**
 * Runs the command line.
 *
 * @param args What follows the command's name.
 * @returns The exit status.
 */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  const session = new Session(streams);
  let status: number = exitCode.ok;
  const program = commandLine(session, streams, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof ReaderGone) return exitCode.ok;
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
    .action(async (input, options) => done(await flat(session, input, options)));

  program
    .command('mtree <INPUT>')
    .description('print the tree, as "info mtree" does')
    .option('-o, --owners', "append each region's owner")
    .option('-D, --disabled', 'print disabled regions too')
    .option('--json', 'print the topology as JSON: this turns text into JSON')
    .action(async (input, options) => done(await mtree(session, input, options)));

  program
    .command('explain <INPUT> <ADDRESS>')
    .description('say who answers at an address (hexadecimal), what is shadowed there, and why')
    .option('--as <NAME>', 'in this address space (default: memory, or the first one)')
    .option('--json', 'print it as JSON')
    .action(async (input, address, options) =>
      done(await explainAddress(session, input, address, options)),
    );

  addPreflight(program, session, done);

  program
    .command('demo')
    .description('run a guest on KVM, and move its memory under it (examples/tiny-vmm)')
    .action(async () => done(await demo(session)));

  return program;
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
    .action(async (address, options) => done(await checkPassthrough(session, address, options)));
}

function packageVersion(): string {
  const manifest = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

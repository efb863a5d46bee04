import { hex } from '../../address.js';
import { FlatviewError, withUndoFailures } from '../../errors.js';
import { listenerName, type MemoryListener } from './memory-listener.js';
import { type Message, oppositeOf, tell } from './message.js';

/** A message, and one of those who hear it. */
interface Call {
  readonly listener: MemoryListener;
  readonly message: Message;
}

/**
 * Tells listeners `messages`, in order. When one of them throws, all are told the opposite of what they were told, the
 * last thing first, also where further ones throw at that.
 *
 * Nothing is written down meanwhile: how many calls were made says which ones.
 *
 * @throws `ERR_LISTENER_FAILED`, when all is taken back.
 */
export function notify(messages: readonly Message[]): void {
  let made = 0;
  try {
    for (const message of messages) {
      for (const listener of message.audience) {
        tell(listener, message);
        made++;
      }
    }
  } catch (cause) {
    const calls = messages.flatMap((message) =>
      message.audience.map((listener) => ({ listener, message })),
    );
    const [failed] = calls.splice(made);
    if (failed === undefined) throw cause;
    throw withUndoFailures(failure(failed, cause), takeBack(calls, failed));
  }
}

/**
 * Takes back `calls`, after which `failed` threw.
 *
 * A listener whose `commit` has returned needs a new `begin` for that. One whose `commit` threw has forgotten all
 * since its `begin`, which is nothing to be taken back, nor ended by another `commit`.
 *
 * @returns What was thrown meanwhile.
 */
function takeBack(calls: readonly Call[], failed: Call): unknown[] {
  const failures: unknown[] = [];
  const attempt = (call: Call): void => {
    try {
      tell(call.listener, call.message);
    } catch (cause) {
      failures.push(failure(call, cause));
    }
  };
  const forgot = failed.message.callback === 'commit' ? failed.listener : undefined;
  const batchStart = calls.findIndex(({ message }) => message.callback === 'begin');
  const remembered = calls.filter(({ listener }, at) => listener !== forgot || at < batchStart);

  for (const { listener } of callsOf('commit', remembered)) attempt(bracket('begin', listener));
  for (const { listener, message } of remembered.toReversed()) {
    const opposite = oppositeOf(message);
    const wasTold = listener[message.callback] !== undefined;
    if (opposite !== undefined && wasTold) attempt({ listener, message: opposite });
  }
  for (const { listener } of callsOf('begin', remembered)) attempt(bracket('commit', listener));
  return failures;
}

function callsOf(callback: 'begin' | 'commit', calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ message }) => message.callback === callback);
}

function bracket(callback: 'begin' | 'commit', listener: MemoryListener): Call {
  return { listener, message: { audience: [listener], callback } };
}

/** What the caller gets: `call` threw `cause`. */
function failure({ listener, message }: Call, cause: unknown): FlatviewError {
  const who = listenerName(listener);
  const why = cause instanceof Error ? cause.message : String(cause);
  const text = `${who}: ${message.callback} failed${place(message)}: ${why}`;
  return new FlatviewError('ERR_LISTENER_FAILED', text, {
    cause,
    listener: who,
    ...(cause instanceof FlatviewError ? kernelDetails(cause) : {}),
  });
}

function place(message: Message): string {
  if (!('section' in message)) return '';
  const { address, last, region, addressSpace } = message.section;
  const where = `region "${region.name}" in address space "${addressSpace.name}"`;
  return ` for ${hex(address)}-${hex(last)} (${where})`;
}

function kernelDetails({ errno, syscall }: FlatviewError): { errno?: string; syscall?: string } {
  return {
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  };
}

import { FlatviewError } from '../../errors.js';
import { type MonitorType, monitorTypes } from '../monitor-format.js';

/** One line of the monitor's output, by what it announces. */
export type MonitorLine =
  | { readonly kind: 'blank' }
  | { readonly kind: 'address-space'; readonly name: string }
  | { readonly kind: 'memory-region'; readonly name: string }
  | { readonly kind: 'range'; readonly range: RangeLine }
  | { readonly kind: 'flat-view' }
  | { readonly kind: 'view-space'; readonly name: string; readonly root: string }
  | { readonly kind: 'view-root'; readonly name: string }
  | { readonly kind: 'view-empty' }
  | { readonly kind: 'echo' }
  | { readonly kind: 'other' };

/** What a line of the tree and a line of a flat view have in common. */
export interface RangeLine {
  /** Columns before the range. */
  readonly indent: number;
  readonly start: bigint;
  /** Inclusive; below `start` where the region reaches past 2^64. */
  readonly end: bigint;
  readonly priority: number;
  readonly nonvolatile: boolean;
  readonly type: MonitorType;
  /** Everything behind the addresses. */
  readonly text: string;
  /** Everything behind the colon. */
  readonly rest: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are controlled by control characters
const escapeSequences = /\u001b\[[0-9;?]*[A-Za-z]/g;
const range =
  /^([0-9a-f]+)-([0-9a-f]+) (\(prio (-?\d+), (nv-)?(container|i\/o|ram|rom|romd|ramd)\): (.*))$/;
const looksLikeRange = /^[0-9a-f]{8,}-[0-9a-f]|\(prio /;
/** The beginning of a range, where the text was cut. */
const cutRange = /^ {2,}[0-9a-f]{1,16}(-[0-9a-f]*)?$/;
const overflow = '[DETECTED OVERFLOW!] ';
const prompt = '(qemu)';

/**
 * Says what a line is.
 *
 * @param number Line number, counted from 1, for the message.
 * @throws `ERR_MALFORMED_INPUT` with the line where it looks like a range and cannot be read as one.
 */
export function parseMonitorLine(raw: string, number: number): MonitorLine {
  const line = cleaned(raw);
  const text = line.trimStart();
  if (text === '') return { kind: 'blank' };
  if (looksLikeRange.test(text) || cutRange.test(line)) {
    return { kind: 'range', range: parseRange(text, line.length - text.length, number) };
  }
  const announced = parseHeading(line) ?? parseViewLine(line);
  return announced ?? { kind: line.startsWith(prompt) ? 'echo' : 'other' };
}

/** The line without what a terminal adds, and without the monitor's warnings, which ranges speak for themselves. */
function cleaned(raw: string): string {
  let line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
  if (line.includes('\u001b')) line = line.replace(escapeSequences, '');
  if (line.startsWith(prompt)) line = withoutPrompts(line);
  return line.includes(overflow) ? line.replaceAll(overflow, '') : line;
}

/** What follows the prompts, unless it is the echo of a command. */
function withoutPrompts(line: string): string {
  const rest = line.replace(/^(\(qemu\) ?)+/, '');
  return rest === '' || parseHeading(rest) ? rest : line;
}

function parseHeading(line: string): MonitorLine | undefined {
  const heading = /^(address-space|memory-region): ?(.*)$/.exec(line);
  if (heading) {
    const kind = heading[1] === 'address-space' ? 'address-space' : 'memory-region';
    return { kind, name: heading[2] ?? '' };
  }
  return /^FlatView #\d+$/.test(line) ? { kind: 'flat-view' } : undefined;
}

function parseViewLine(line: string): MonitorLine | undefined {
  const space = /^ AS "(.*)", root: (.*)$/.exec(line);
  if (space) return { kind: 'view-space', name: space[1] ?? '', root: space[2] ?? '' };
  const root = /^ Root memory region: (.*)$/.exec(line);
  if (root) return { kind: 'view-root', name: root[1] ?? '' };
  return line === '  No rendered FlatView' ? { kind: 'view-empty' } : undefined;
}

function parseRange(line: string, indent: number, number: number): RangeLine {
  const match = range.exec(line);
  if (!match) malformed(number, 'is not a range: START-END (prio N, TYPE): NAME is expected', line);
  const [, start = '', end = '', text = '', priority = '', nonvolatile, type = '', rest = ''] =
    match;
  if (start.length > 16 || end.length > 16)
    malformed(number, 'has an address beyond 64 bits', line);
  if (Number(priority) < -(2 ** 31) || Number(priority) >= 2 ** 31)
    malformed(number, 'has a priority beyond 32 bits', line);
  return {
    indent,
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    priority: Number(priority) + 0, // -0 is 0
    nonvolatile: nonvolatile !== undefined,
    type: monitorTypes.find((one) => one === type) ?? 'i/o',
    text,
    rest,
  };
}

/** @throws `ERR_MALFORMED_INPUT` with the line, and what stands there. */
export function malformed(number: number, reason: string, text: string): never {
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text;
  throw new FlatviewError('ERR_MALFORMED_INPUT', `line ${number} ${reason}: ${shown}`, {
    line: number,
  });
}

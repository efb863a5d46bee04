// Changes of a monitor's text that know what it is made of: lines, their depth, ranges, names.

import type { Random } from '../../benchmarks/trace/random.js';

/** What a mutation works with; it changes `lines`. */
export interface TextInput {
  readonly lines: string[];
  /** Lines of another input. */
  readonly others: readonly string[];
  readonly random: Random;
}

type TextMutation = (input: TextInput) => void;

const addresses = ['0', '1', 'fff', '1000', 'fffffffe', 'ffffffff', '100000000'];
const lastAddresses = ['7fffffffffffffff', '8000000000000000', 'fffffffffffff000'];
const ends = ['fffffffffffffffe', 'ffffffffffffffff'];
const types = ['container', 'i/o', 'ram', 'rom', 'romd', 'ramd', 'nv-ram', 'nv-i/o', 'alias'];
const priorities = [
  '0',
  '-0',
  '1',
  '-1',
  '007',
  '2147483647',
  '-2147483648',
  '2147483648',
  '1e3',
  '-',
];
const endings = [' [disabled]', ' orphan', ' owner:{dev id=net0}', ' parent:{obj path=/a}', '\r'];
const viewEndings = [' @0000000000001000', ' KVM', ' @0000000000000000 hvf', ' '];
const names = [
  '',
  'system',
  'memory',
  'a @b',
  ' @',
  'alias a @b',
  '(null)',
  'pc.ram',
  'x: y',
  '\0',
];
const headings = [
  'address-space: memory',
  'address-space: ',
  'memory-region: system',
  'FlatView #0',
  ' AS "memory", root: system',
  ' AS "memory", root: bus, alias system',
  ' Root memory region: system',
  '  No rendered FlatView',
  '(qemu) info mtree',
  '(qemu) address-space: memory',
  '\u001b[K\u001b[D',
  '  0000',
  '',
];

const number = /[0-9a-f]{16}/g;
const name = /(?<=\): )(?:alias )?[^ ]+/;

function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[random.below(Math.max(from.length, 1))];
}

/** Some lines in a row, mostly few. */
function rows({ lines, random }: TextInput): { at: number; count: number } {
  const at = random.below(lines.length + 1);
  const count = 1 + random.below(random.below(4) === 0 ? lines.length + 1 : 3);
  return { at, count };
}

function editLine({ lines, random }: TextInput, edit: (line: string) => string): void {
  const at = random.below(Math.max(lines.length, 1));
  const line = lines[at];
  if (line !== undefined) lines[at] = edit(line);
}

/** A number of sixteen digits: one that stands in the text, or next to it, or one where something ends. */
function otherNumber({ lines, others, random }: TextInput): string {
  const kind = random.below(4);
  if (kind === 0) return (pick(random, addresses) ?? '0').padStart(16, '0');
  if (kind === 1) return pick(random, [...lastAddresses, ...ends]) ?? '0';
  const known = pick(random, pick(random, kind === 2 ? lines : others)?.match(number) ?? []) ?? '1';
  const near = BigInt(`0x${known}`) + BigInt(pick(random, [0, 0, 0, 1, -1, 0x1000, 0xfff]) ?? 0);
  return BigInt.asUintN(64, near).toString(16).padStart(16, '0');
}

function otherName({ lines, random }: TextInput): string {
  const known = name.exec(pick(random, lines) ?? '')?.[0];
  return (random.below(3) === 0 ? pick(random, names) : known) ?? '';
}

/** `text` with one of the matches of `pattern` replaced. */
function replaceOne(text: string, pattern: RegExp, random: Random, by: string): string {
  const match = pick(random, [...text.matchAll(pattern)]);
  if (match === undefined) return text;
  return text.slice(0, match.index) + by + text.slice(match.index + match[0].length);
}

const drop: TextMutation = (input) => {
  const { at, count } = rows(input);
  input.lines.splice(at, count);
};

const repeat: TextMutation = (input) => {
  const { at, count } = rows(input);
  const { lines, random } = input;
  lines.splice(random.below(lines.length + 1), 0, ...lines.slice(at, at + count));
};

const move: TextMutation = (input) => {
  const { at, count } = rows(input);
  const { lines, random } = input;
  const moved = lines.splice(at, count);
  lines.splice(random.below(lines.length + 1), 0, ...moved);
};

const takeOver: TextMutation = ({ lines, others, random }) => {
  const { at, count } = rows({ lines: [...others], others, random });
  lines.splice(random.below(lines.length + 1), 0, ...others.slice(at, at + count));
};

const indent: TextMutation = (input) => {
  const { at, count } = rows(input);
  const { lines, random } = input;
  const by = pick(random, ['  ', '  ', ' ', '    ', '']) ?? '';
  for (const [offset, line] of lines.slice(at, at + count).entries()) {
    lines[at + offset] = by === '' ? line.replace(/^ {2}/, '') : by + line;
  }
};

const changeNumber: TextMutation = (input) => {
  const by = otherNumber(input);
  editLine(input, (line) => replaceOne(line, number, input.random, by));
};

/** The same in all blocks that show the region. */
const changeNumberEverywhere: TextMutation = ({ lines, others, random }) => {
  const old = pick(random, pick(random, lines)?.match(number) ?? []);
  if (old === undefined) return;
  const by = otherNumber({ lines, others, random });
  for (const [at, line] of lines.entries()) lines[at] = line.replaceAll(old, by);
};

const changeType: TextMutation = (input) => {
  const by = pick(input.random, types) ?? '';
  editLine(input, (line) => line.replace(/(?<=, )[^ ]+(?=\): )/, by));
};

const changePriority: TextMutation = (input) => {
  const by = pick(input.random, priorities) ?? '';
  editLine(input, (line) => line.replace(/(?<=\(prio )[^,]*/, by));
};

const rename: TextMutation = (input) => {
  const by = otherName(input);
  editLine(input, (line) => line.replace(name, () => by));
};

const renameEverywhere: TextMutation = (input) => {
  const [old, by] = [otherName(input), otherName(input)];
  if (old === '') return;
  for (const [at, line] of input.lines.entries()) input.lines[at] = line.replaceAll(old, () => by);
};

const makeAlias: TextMutation = (input) => {
  const window = `${otherNumber(input)}-${otherNumber(input)}`;
  const target = otherName(input);
  editLine(input, (line) =>
    line.replace(/(?<=\): ).*/, (rest) => `alias ${rest} @${target} ${window}`),
  );
};

const changeEnding: TextMutation = (input) => {
  const ending = pick(input.random, [...endings, ...viewEndings]) ?? '';
  editLine(input, (line) =>
    line.endsWith(ending) ? line.slice(0, line.length - ending.length) : line + ending,
  );
};

const addHeading: TextMutation = ({ lines, random }) => {
  lines.splice(random.below(lines.length + 1), 0, pick(random, headings) ?? '');
};

const cutLine: TextMutation = (input) => {
  editLine(input, (line) => line.slice(0, input.random.below(line.length + 1)));
};

const joinLines: TextMutation = ({ lines, random }) => {
  const at = random.below(Math.max(lines.length - 1, 1));
  lines.splice(at, 2, `${lines[at] ?? ''}${lines[at + 1] ?? ''}`);
};

/** All of them; the likelier ones stand there more than once. */
const mutations: readonly TextMutation[] = [
  drop,
  drop,
  drop,
  repeat,
  move,
  takeOver,
  takeOver,
  indent,
  indent,
  changeNumber,
  changeNumber,
  changeNumberEverywhere,
  changeType,
  changePriority,
  rename,
  renameEverywhere,
  makeAlias,
  changeEnding,
  addHeading,
  cutLine,
  joinLines,
];

/** Makes one change in the lines of a text. */
export function mutateText(input: TextInput): void {
  pick(input.random, mutations)?.(input);
}

// What a program in the documentation says of itself in comments, as assertions:
//
//   ram.size; // => 0x1000n                           the expression is deepStrictEqual to the value
//   ram.address = -1n; // throws ERR_ADDRESS_RANGE     throws a FlatviewError of this code
//
// A value may begin on the line below its statement, and goes on over lines of comment until it is whole.

import ts from 'typescript';

/** A program whose assertions are calls, each in the line in which it was a comment. */
export interface AssertingProgram {
  readonly source: string;
  /** Comments that are meant as assertions and can't be. Lines are counted from 1. */
  readonly mistakes: readonly { readonly line: number; readonly message: string }[];
}

/** What a call puts before an expression and behind it. */
type Call = readonly [before: string, after: string];

export function withAssertions(source: string): AssertingProgram {
  // A module, so that `await` means what it says.
  const module = `${source}\nexport {};`;
  const parsed = ts.createSourceFile('program.ts', module, ts.ScriptTarget.ES2022, true);
  const insertions: { at: number; text: string }[] = [];
  const understood = new Set<number>();

  const visit = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node)) {
      const [first, ...rest] = commentsAfter(source, node.end);
      const call =
        first &&
        callFor(
          node.expression,
          [first, ...rest].map((it) => it.text),
        );
      if (first && call) {
        understood.add(parsed.getLineAndCharacterOfPosition(first.at).line);
        insertions.push({ at: node.expression.getStart(), text: call[0] });
        insertions.push({ at: node.expression.end, text: call[1] });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);

  const mistakes = source
    .split('\n')
    .flatMap((text, line) =>
      /\/\/\s*(=>|throws\b)/.test(text) && !understood.has(line) ? [line] : [],
    )
    .map((line) => ({ line: line + 1, message: 'asserts nothing: no expression, value or code' }));
  return {
    source: inserted(source, insertions) + assertionImport(insertions.length > 0),
    mistakes,
  };
}

/** The comments behind a statement: those of its line, then those of the lines below it. */
function commentsAfter(source: string, end: number): { at: number; text: string }[] {
  const ranges = [
    ...(ts.getTrailingCommentRanges(source, end) ?? []),
    ...(ts.getLeadingCommentRanges(source, end) ?? []),
  ];
  return ranges.map((range) => ({ at: range.pos, text: source.slice(range.pos, range.end) }));
}

/** The assertion that comments make of an expression; `undefined` where they make none. */
function callFor(expression: ts.Expression, comments: readonly string[]): Call | undefined {
  const [, code] = /^\/\/ throws (ERR_\w+)$/.exec(comments[0] ?? '') ?? [];
  if (code !== undefined) return throwing(code, awaits(expression));
  if (!comments[0]?.startsWith('// => ')) return undefined;
  const value = wholeValue([comments[0].slice('// => '.length), ...comments.slice(1)]);
  if (value === undefined) return undefined;
  return ['shown.deepStrictEqual((', `) as unknown, (${value}))`];
}

function throwing(code: string, isAsync: boolean): Call {
  const error = `{ name: 'FlatviewError', code: '${code}' satisfies import('flatview').ErrorCode }`;
  return isAsync
    ? ['await shown.rejects(async () => { ', `; }, ${error})`]
    : ['shown.throws(() => { ', `; }, ${error})`];
}

/** The first lines of `lines` that together are an expression. */
function wholeValue(lines: readonly string[]): string | undefined {
  let value = '';
  for (const line of lines) {
    value += ` ${line.replace(/^\/\/ ?/, '')}`;
    if (isExpression(value)) return value.trim();
  }
  return undefined;
}

function isExpression(text: string): boolean {
  const options = { reportDiagnostics: true };
  return ts.transpileModule(`(${text});`, options).diagnostics?.length === 0;
}

/** Whether a function that `node` isn't itself within has to be asynchronous to hold it. */
function awaits(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false;
  return ts.isAwaitExpression(node) || ts.forEachChild(node, awaits) === true;
}

function inserted(source: string, insertions: readonly { at: number; text: string }[]): string {
  const backwards = insertions.toSorted((a, b) => b.at - a.at);
  return backwards.reduce(
    (text, { at, text: more }) => text.slice(0, at) + more + text.slice(at),
    source,
  );
}

/** At the end, where it moves no line; it makes a module of any program, too. */
function assertionImport(isNeeded: boolean): string {
  return isNeeded ? "\nimport * as shown from 'node:assert/strict';\n" : '\nexport {};\n';
}

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import ts from 'typescript';
import { withAssertions } from './assertions.js';

/** Runs a program with its assertions. */
async function run(...lines: readonly string[]): Promise<void> {
  const { source, mistakes } = withAssertions(lines.join('\n'));
  assert.deepEqual(mistakes, []);
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
}

const mistakes = (text: string) => withAssertions(text).mistakes.map(({ line }) => line);
const unequal = { code: 'ERR_ASSERTION' };
const fail = (code: string) =>
  `throw Object.assign(new Error(), { name: 'FlatviewError', code: '${code}' })`;

suite('Assertions in comments', () => {
  test('a value holds or fails the program', async () => {
    await run(
      '1n + 1n; // => 2n',
      "['ram'].concat('rom'); // => ['ram', 'rom']",
      'undefined; // => undefined',
    );
    await assert.rejects(run('1n + 1n; // => 3n'), unequal);
    await assert.rejects(run('1n; // => 1'), unequal);
  });

  test('a value may stand below, and take several lines', async () => {
    const lines = ['({ a: [1] });', '// => {', '//   a: [1],', '// }', '// Another comment.'];
    await run(...lines);
    await assert.rejects(
      run(...lines.map((line) => line.replace('//   a: [1]', '//   a: [2]'))),
      unequal,
    );
  });

  test('a code holds or fails the program', async () => {
    const f = `function f() { ${fail('ERR_X')}; }`;
    await run(f, 'f(); // throws ERR_X');
    await run(f, 'await (async () => f())(); // throws ERR_X');
    await assert.rejects(run(f, 'f(); // throws ERR_Y'), unequal);
    await assert.rejects(run(f, 'await (async () => f())(); // throws ERR_Y'), unequal);
    await assert.rejects(run('f(); function f() {} // no matter', 'f(); // throws ERR_X'), unequal);
  });

  test('inside functions, and one inside the other', async () => {
    await run('[1].map((x) => {', '  x; // => 1', '  return x + 1;', '}); // => [2]');
    await assert.rejects(run('[1].map((x) => {', '  x; // => 2', '});'), unequal);
  });

  test('lines stay where they are', () => {
    const lines = ['f();', '', '1; // => 1', 'f(); // throws ERR_X', 'f();'];
    const { source } = withAssertions(lines.join('\n'));
    assert.match(source.split('\n')[2]!, /=> 1$/);
    assert.match(source.split('\n')[3]!, /throws ERR_X$/);
  });

  test('what looks like one and asserts nothing is a mistake', () => {
    assert.deepEqual(mistakes('const a = 1; // => 1'), [1]);
    assert.deepEqual(mistakes('f();\n\n1; // => (1'), [3]);
    assert.deepEqual(mistakes('f(); // throws an error'), [1]);
    assert.deepEqual(mistakes('// => 1'), [1]);
    assert.deepEqual(mistakes("'// elsewhere'; // the value => 1"), []);
  });
});

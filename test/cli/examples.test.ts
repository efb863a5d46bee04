import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flatview } from './command.js';

suite('examples', () => {
  test('print-your-vmm prints a tree, a view, an explanation and JSON that the command reads', async () => {
    const example = fileURLToPath(new URL('../../examples/print-your-vmm.js', import.meta.url));
    const output = execFileSync(process.execPath, [example], { encoding: 'utf8' });
    assert.match(output, /\(prio 1, i\/o\): uart owner:\{obj id=serial0\}$/m);
    assert.match(output, /^ Root memory region: system$/m);
    assert.match(output, /^0000000040000000 in "memory": uart \+0x0 \(i\/o\) answers$/m);
    const json = output.slice(output.indexOf('\n{'));
    const { status, stdout } = await flatview(['explain', '-', '4000_0008'], json);
    assert.equal(status, 0);
    assert.match(stdout, /ram \+0x40000008 \(ram\) answers/);
  });
});

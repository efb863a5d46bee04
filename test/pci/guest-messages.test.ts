import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type GuestMessage, GuestMessages } from '../../lib/pci/index.js';

function log(options = {}) {
  let time = 0;
  const heard: GuestMessage[] = [];
  const messages = new GuestMessages((message) => heard.push(message), {
    burst: 3,
    interval: 100,
    now: () => time,
    ...options,
  });
  const wait = (milliseconds: number) => {
    time += milliseconds;
  };
  return { messages, heard, wait };
}

suite('Messages that a guest causes', () => {
  test('a few of each region get through in an interval; then the next one says how many did not', () => {
    const { messages, heard, wait } = log();
    const [one, other] = [{ name: 'one' }, { name: 'other' }];
    for (let i = 0; i < 10; i++) messages.say(one, 'slow', () => `${i}`);
    messages.say(other, 'slow', () => 'first');
    assert.deepEqual(
      heard.map(({ text, leftOut }) => [text, leftOut]),
      [
        ['0', 0],
        ['1', 0],
        ['2', 0],
        ['first', 0],
      ],
    );
    wait(99);
    messages.say(one, 'slow', () => 'too early');
    wait(1);
    messages.say(one, 'odd', () => 'again');
    assert.deepEqual(heard.at(-1), { subject: one, code: 'odd', text: 'again', leftOut: 8 });
    messages.say(one, 'odd', () => 'and again');
    assert.equal(heard.at(-1)?.leftOut, 0);
  });

  test('all are counted, and the text of what is left out is never made', () => {
    const { messages } = log();
    const region = { name: 'region' };
    let texts = 0;
    for (let i = 0; i < 1000; i++)
      messages.say(region, i % 4 === 0 ? 'a' : 'b', () => `${texts++}`);
    assert.deepEqual([...messages.counts(region)].sort(), [
      ['a', 250],
      ['b', 750],
    ]);
    assert.equal(texts, 3);
    assert.equal(messages.counts({ name: 'unheard of' }).size, 0);
  });

  test('without anybody who listens they are counted', () => {
    const messages = new GuestMessages();
    const region = { name: 'region' };
    messages.say(region, 'a', () => 'text');
    assert.equal(messages.counts(region).get('a'), 1);
  });
});

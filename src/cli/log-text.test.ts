import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { logText } from './log-text.ts';

const message = `cannot bind '127.0.0.1:15999': ${'Address already in use '.repeat(3)}`.trim();
const entries = [
  {
    seq: 1,
    atMs: 0,
    kind: 'commit-live',
    subject: 'a'.repeat(40),
    facts: { proxies: 7, tookMs: 5 },
  },
  {
    ...{ seq: 2, atMs: 1_000, kind: 'nack', subject: 'checkout-v1' },
    facts: { type: 'Listener', has: 'v1 tcp/db', message },
  },
];

describe('chancery log', () => {
  it('is a line for each entry where there is room', () => {
    const lines = logText(entries, 200).split('\n');
    assert.equal(lines.length, 3);
    assert.match(lines[1] ?? '', /^1970-01-01T00:00:00Z +commit-live +aaaaaaaaaaaa +live on 7/);
    assert.match(lines[2] ?? '', /nack +checkout-v1 +refused Listener tcp\/db: cannot bind/);
  });

  it('says all of what happened in 80 columns, under its time', () => {
    const text = logText(entries, 80);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    assert.ok(text.replaceAll(/\n +/g, ' ').includes(`refused Listener tcp/db: ${message}`), text);
  });

  it('never cuts a subject: it is what is asked about next', () => {
    const subject = `spiffe://shop.test/${'a'.repeat(50)}`;
    const lines = logText([{ seq: 1, atMs: 0, kind: 'svid', subject, facts: {} }], 80).split('\n');
    assert.deepEqual(lines.slice(0, 2), ['1970-01-01T00:00:00Z  svid', `    ${subject}`]);
  });

  it('of what is endless there is a beginning, also of a word that does not fit', () => {
    const endless = { ...entries[1], facts: { type: 'Cluster', message: 'x'.repeat(9_000) } };
    const lines = logText([{ seq: 1, atMs: 0, kind: 'nack', subject: 'p', ...endless }], 80).split(
      '\n',
    );
    assert.ok(lines.length <= 6);
    for (const line of lines) assert.ok(line.length <= 80, line);
  });
});

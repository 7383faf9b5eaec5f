import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noToken } from './facts.ts';
import { requestFacts } from './request-facts.ts';

const more = { token: noToken, timeMs: 0, address: '', id: '', scheme: 'http' } as const;

function heard(value: string): unknown {
  const raw = { path: '/a', headers: [['X-Step', value] as const] };
  const { headers } = requestFacts(raw, { host: 'a' }, more);
  assert.ok(typeof headers !== 'symbol');
  assert.equal(headers[0]?.[0], 'x-step');
  return headers[0]?.[1];
}

test('white space around the value of a header is none of it', () => {
  for (const value of ['down', ' down', 'down ', '\t down\t ']) assert.equal(heard(value), 'down');
  assert.equal(heard(' \t'), '');
  assert.equal(heard(''), '');
});

test('within it, and what only looks like it, stays', () => {
  assert.equal(heard(' a  b '), 'a  b');
  assert.equal(heard('\u00a0a'), '\u00a0a');
});

test('a value of many spaces costs no more than its length', () => {
  const value = `a${' '.repeat(60_000)}b`;
  const startMs = performance.now();
  assert.equal(heard(value), value);
  assert.ok(performance.now() - startMs < 200);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSpiffeId, pathOf, trustDomainOf } from '../../src/identity/spiffe-id.ts';
import { runs, Seeded, seed } from './mutate.ts';

/** The specification in one expression, against a parser that goes step by step. */
const grammar = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*)$/;

function reference(
  text: string,
): { readonly trustDomain: string; readonly path: string } | undefined {
  if (Buffer.byteLength(text) > 2_048) return undefined;
  const [, trustDomain, path] = grammar.exec(text) ?? [];
  return trustDomain === undefined || path === undefined ? undefined : { trustDomain, path };
}

const seeds = [
  'spiffe://td',
  'spiffe://example.org/ns/prod/sa/web',
  'spiffe://1.2.3.4/a_b/...',
  'spiffe://t_d/.a/b../c-d',
  `spiffe://${'d'.repeat(254)}/a`,
  `spiffe://td/${'p'.repeat(2_035)}`,
] as const;
const pieces = [
  ...['/', '//', '.', '..', '/.', '/..', '/./', '/../', ':', '@', '?', '#', '%', '%2e', '%2F', ' '],
  ...[
    '\0',
    '\n',
    '\r',
    '\t',
    '\\',
    'A',
    'Z',
    'a',
    'z',
    '0',
    '9',
    '-',
    '_',
    '~',
    '+',
    'é',
    'ﬀ',
    '\u212a',
  ],
  ...[
    'spiffe://',
    'SPIFFE://',
    'spiffe:',
    'td',
    '[::1]',
    ':8080',
    'u@',
    '\ud800',
    '[',
    '`',
    '{',
    '^',
  ],
] as unknown as readonly [string, ...string[]];

function mutated(text: string, numbers: Seeded): string {
  const at = numbers.below(text.length + 1);
  switch (numbers.below(4)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + numbers.below(3));
    case 1:
      return text.slice(0, at) + String.fromCharCode(numbers.below(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(Math.max(0, at - numbers.below(8)));
    default:
      return text.slice(0, at) + numbers.of(pieces) + text.slice(at + numbers.below(2));
  }
}

describe(`SPIFFE IDs, mutated from seed ${seed}`, () => {
  it('are taken and taken apart as the grammar says', (t) => {
    const numbers = new Seeded(seed);
    let taken = 0;
    for (let run = 0; run < runs; run += 1) {
      let text: string = numbers.of(seeds);
      for (let left = 1 + numbers.below(3); left > 0; left -= 1) text = mutated(text, numbers);
      const id = parseSpiffeId(text);
      const expected = reference(text);
      assert.equal(id.ok, expected !== undefined, JSON.stringify(text));
      if (!id.ok || expected === undefined) continue;
      taken += 1;
      const parts = { trustDomain: trustDomainOf(id.value), path: pathOf(id.value) };
      assert.deepEqual({ ...parts, id: id.value }, { ...expected, id: text });
    }
    t.diagnostic(`${taken} taken`);
    assert.ok(taken > runs / 20 && taken < runs / 1.1);
  });
});

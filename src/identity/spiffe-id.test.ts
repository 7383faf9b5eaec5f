import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSpiffeId, pathOf, trustDomainOf } from './spiffe-id.ts';

const refused: readonly (readonly [string, string])[] = [
  ['1 the scheme is spiffe', 'http://td/a'],
  ['1 the scheme is lower case', 'SPIFFE://td/a'],
  ['2 the trust domain is not empty', 'spiffe:///a'],
  ['2 a bare scheme is nothing', 'spiffe://'],
  ['3 no userinfo', 'spiffe://u@td/a'],
  ['4 no port', 'spiffe://td:8080/a'],
  ['5 no capital letters in the trust domain', 'spiffe://TD/a'],
  ['5 no percent-encoding in the trust domain', 'spiffe://t%64/a'],
  ['6 no query', 'spiffe://td/a?b'],
  ['6 no fragment', 'spiffe://td/a#b'],
  ['7 path characters only', 'spiffe://td/a b'],
  ['8 no empty segment', 'spiffe://td/a//b'],
  ['8 no dot segment', 'spiffe://td/a/./b'],
  ['8 no dot-dot segment', 'spiffe://td/../b'],
  ['9 no trailing slash', 'spiffe://td/a/'],
  ['9 no slash alone', 'spiffe://td/'],
  ['10 no percent-encoding in the path', 'spiffe://td/%61'],
  ['11 not longer than 2048 bytes', `spiffe://td/${'a'.repeat(2_048)}`],
  ['12 a trust domain of at most 255 bytes', `spiffe://${'a'.repeat(256)}/a`],
];

const taken = [
  'spiffe://td',
  'spiffe://td/a',
  'spiffe://1.2.3.4/a_b/...',
  'spiffe://t_d/.a',
  `spiffe://td/${'a'.repeat(2_036)}`,
];

describe('SPIFFE ID', () => {
  for (const [rule, text] of refused) {
    it(`rule ${rule}`, () => assert.ok(!parseSpiffeId(text).ok, text));
  }

  for (const text of taken) {
    it(`${text.slice(0, 40)} is taken as it is`, () =>
      assert.deepEqual(parseSpiffeId(text), { ok: true, value: text }));
  }

  it('rule 13 the path keeps its case', () => {
    const id = parseSpiffeId('spiffe://td/A/b');
    assert.ok(id.ok);
    assert.equal(pathOf(id.value), '/A/b');
    assert.equal(trustDomainOf(id.value), 'td');
  });

  it('rule 14 a trust domain alone has no path', () => {
    const id = parseSpiffeId('spiffe://td');
    assert.ok(id.ok);
    assert.equal(pathOf(id.value), '');
  });
});

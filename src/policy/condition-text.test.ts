import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TokenMatch } from '../model/condition-types.ts';
import { conditionsText, lackingTokenText, tokenText } from './condition-text.ts';
import { missingOf } from './conditions.ts';
import type { TokenFacts } from './facts.ts';

const match: TokenMatch = { issuers: [], audiences: [], scopes: [], claims: [] };
const token: TokenFacts = {
  ...{ issuerName: 'login', issuer: 'https://login.test', subject: 'x', person: undefined },
  ...{ audiences: ['shop'], scopes: ['read'], claims: { team: 'pay' }, expiresMs: 0 },
};
const claims = [
  { name: 'level', values: ['3'] },
  { name: 'team', values: ['hr', 'law'] },
];

describe('what a token rule wants, and what a token lacks of it, are said in the same words', () => {
  for (const [wants, wanted, lacking] of [
    [{ issuers: ['a', 'b'] }, 'a token of a or b', 'a token that is not of a or b'],
    [{ audiences: ['a', 'b'] }, 'a token for a or b', 'a token that is not for a or b'],
    [{ scopes: ['read', 'b'] }, 'a token with the scopes read, b', 'a token without the scope b'],
    [
      { scopes: ['read'], claims: claims.slice(1) },
      'a token with the scope read and the claim team: hr or law',
      'a token without the claim team: hr or law',
    ],
    [
      { issuers: ['login'], audiences: ['shop'], claims },
      'a token of login for shop with the claim level: 3 and the claim team: hr or law',
      'a token without the claim level: 3',
    ],
  ] as const) {
    test(wanted, () => {
      assert.equal(tokenText({ ...match, ...wants }), wanted);
      const missing = missingOf(token, { ...match, ...wants });
      assert.equal(missing && lackingTokenText(missing), lacking);
    });
  }
  test('one that is only for rules that name its audience', () => {
    const missing = missingOf({ ...token, onlyForRules: true }, match);
    assert.equal(missing && lackingTokenText(missing), 'a token that is not for this mesh');
  });
});

test('the parts of a rule are joined, headers by their values', () => {
  const value = { kind: 'exact', text: 'acme' } as const;
  const text = conditionsText({
    hosts: ['a', 'b'],
    headers: [
      { name: 'x', value },
      { name: 'y', value: { kind: 'present' } },
    ],
  });
  assert.equal(text, 'the host a or b, and the header x: acme, and the header y');
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Conditions } from '../model/condition-types.ts';
import { denialFollows } from './implied.ts';

const bare: Conditions = { headers: [], hosts: [] };
const header = (name: string, text?: string) => ({
  name,
  value: text === undefined ? ({ kind: 'present' } as const) : ({ kind: 'exact', text } as const),
});
const token = (scopes: readonly string[]) => ({ issuers: [], audiences: [], scopes, claims: [] });
const when = (text: string) => ({ text, expr: { k: 'bool', v: true } as const });

describe('a denial holds whenever the allow does', () => {
  it('when it wants nothing, the same, or less of it', () => {
    const rich: Conditions = {
      ...{ headers: [header('x-a', '1'), header('x-b')], hosts: ['p'], token: token(['read']) },
      when: when('source.team == "x"'),
    };
    for (const denial of [
      undefined,
      bare,
      rich,
      { ...bare, headers: [header('x-a')] },
      { ...bare, headers: [header('x-b')], hosts: ['p', 'q'] },
      { ...bare, token: token(['read']) },
    ]) {
      assert.ok(denialFollows(rich, denial), JSON.stringify(denial));
    }
  });

  it('not when it wants something that the allow does not', () => {
    const allow: Conditions = {
      ...bare,
      headers: [header('x-a')],
      token: token(['read', 'write']),
    };
    for (const denial of [
      { ...bare, headers: [header('x-a', '1')] },
      { ...bare, headers: [header('x-b')] },
      { ...bare, hosts: ['p'] },
      { ...bare, token: token(['read']) },
      { ...bare, when: when('true') },
    ]) {
      assert.ok(!denialFollows(allow, denial), JSON.stringify(denial));
    }
    assert.ok(!denialFollows(undefined, bare));
  });
});

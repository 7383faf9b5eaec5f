import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newGrant } from '../../breakglass/grant.ts';
import { readGrant } from './read-grant.ts';

const asked = {
  ...{ id: 'a1', who: 'web', callee: 'db', operations: [], forMs: 60_000, reason: 'mend' },
  ...{ ticket: 'T-1', by: 'uid 0', askedMs: 1 },
};
const grant = newGrant(asked, { approvals: 1 });
const stored = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

describe('a grant in the store', () => {
  it('is read as it was written', () => {
    assert.deepEqual(readGrant(stored(grant)), grant);
  });

  it('is none here where a later version says more of it, or has it in a state that is not known', () => {
    assert.equal(readGrant(stored({ ...grant, when: 'request.method == "GET"' })), undefined);
    assert.equal(readGrant(stored({ ...grant, state: { kind: 'suspended' } })), undefined);
  });
});

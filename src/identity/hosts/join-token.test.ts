import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryStore } from '../../../test/support/memory-store.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { HostName } from '../../model/types.ts';
import type { AttestationStep } from './attestor.ts';
import { createJoinToken, joinTokenAttestor, tokenReplaces } from './join-token.ts';

const host = 'web-1' as HostName;
const [one, other] = [Uint8Array.of(1), Uint8Array.of(2)];

async function made(replaces = false) {
  const store = memoryStore();
  const given = { host, madeMs: 0, endsMs: 1_000, by: 'ann', replaces };
  const token = await createJoinToken({ store, random }, given);
  const show = (evidence: { token: string } | null, publicKeySpki = one, nowMs = 500) =>
    joinTokenAttestor(store).begin({ evidence, publicKeySpki, nowMs });
  return { store, token, show };
}

function reason(step: AttestationStep): string {
  assert.equal(step.kind, 'refused');
  return step.kind === 'refused' ? step.reason : '';
}

describe('a join token', () => {
  it('is 256 random bits, and only its hash is stored', async () => {
    const { store, token } = await made();
    assert.equal(Buffer.from(token.replace('chancery-join-', ''), 'base64url').length, 32);
    const stored = JSON.stringify([...store.values].map(([id, { value }]) => [id, `${value}`]));
    assert.ok(!stored.includes(token) && !stored.includes(token.slice(14)));
  });

  it('admits the first key that comes with it, again and again, and no other', async () => {
    const { token, show } = await made();
    assert.equal((await show({ token })).kind, 'proven');
    assert.equal((await show({ token })).kind, 'proven');
    assert.match(reason(await show({ token }, other)), /used already, by another key/);
  });

  it('is good until it ends', async () => {
    const { token, show } = await made();
    assert.equal((await show({ token }, one, 1_000)).kind, 'proven');
    assert.match(reason(await show({ token }, one, 1_001)), /ended at 1970/);
  });

  it('of two machines at one moment one is admitted', async () => {
    const { token, show } = await made();
    const steps = await Promise.all([show({ token }, one), show({ token }, other)]);
    assert.equal(steps.filter(({ kind }) => kind === 'proven').length, 1);
  });

  it('what is no token, and one that nobody made, is refused', async () => {
    const { show } = await made();
    assert.match(reason(await show(null)), /no join token/);
    assert.match(reason(await show({ token: 'x' })), /no join token/);
    assert.match(reason(await show({ token: `chancery-join-${'A'.repeat(43)}` })), /not known/);
  });

  it('says whether its machine takes the place of another', async () => {
    for (const replaces of [true, false]) {
      const { store, token, show } = await made(replaces);
      const step = await show({ token });
      assert.ok(step.kind === 'proven');
      assert.equal(await tokenReplaces(store, step.proof.anchor), replaces);
      assert.equal(await tokenReplaces(store, 'tpm:abc'), false);
    }
  });
});

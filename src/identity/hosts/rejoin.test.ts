import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Json } from '../../base/json.ts';
import { systemRandom as random } from '../../base/random.ts';
import { ok } from '../../base/result.ts';
import type { HostName } from '../../model/types.ts';
import { spkiOf } from '../ca.ts';
import type { AttestationStep } from './attestor.ts';
import { admit, banned, type HostRecord, hostKey, renewed } from './host-record.ts';
import { answerRejoin, rejoinAttestor } from './rejoin.ts';

const host = 'web-1' as HostName;
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const held = newKey();
const next = spkiOf(newKey());

function recordOf(key: KeyObject): HostRecord {
  const hash = hostKey(spkiOf(key));
  const proof = { name: host, anchor: 'token:1', selectors: [] };
  const admitted = admit(undefined, {
    ...{ method: 'join_token', proof, key: hash, nowMs: 0, replaces: false },
  });
  assert.ok(admitted.ok);
  return renewed(admitted.value, { key: hash, notBeforeMs: 0, notAfterMs: 10_000 });
}

interface Attempt {
  readonly record?: HostRecord | undefined;
  readonly signer?: KeyObject;
  readonly shown?: KeyObject;
  readonly comesWith?: Uint8Array;
  readonly nowMs?: number;
  readonly answer?: Json | undefined;
}

async function attempt(given: Attempt): Promise<AttestationStep> {
  const { signer = held, shown = held, comesWith = next, nowMs = 20_000 } = given;
  const record = 'record' in given ? given.record : recordOf(held);
  const attestor = rejoinAttestor({ random, record: async () => record, withinMs: () => 60_000 });
  const evidence = { host, publicKey: Buffer.from(spkiOf(shown)).toString('base64') };
  const step = await attestor.begin({ evidence, publicKeySpki: next, nowMs });
  assert.ok(step.kind === 'challenge');
  return step.answered(
    given.answer !== undefined ? given.answer : answerRejoin(step.challenge, signer, comesWith),
  );
}

async function refusedWith(given: Attempt): Promise<string> {
  const step = await attempt(given);
  assert.equal(step.kind, 'refused');
  return step.kind === 'refused' ? step.reason : '';
}

describe('a host that comes back with its key', () => {
  it('is what it was, also long after its certificate has ended', async () => {
    const step = await attempt({});
    assert.ok(step.kind === 'proven');
    assert.deepEqual(step.proof, { name: host, anchor: 'token:1', selectors: [] });
  });

  it('was not away for too long', async () => {
    assert.match(await refusedWith({ nowMs: 70_001 }), /away for too long/);
  });

  it('holds the key of its record, not another one and not only its public part', async () => {
    const other = newKey();
    assert.match(await refusedWith({ signer: other }), /was not signed with the key of web-1/);
    assert.match(await refusedWith({ signer: other, shown: other }), /older certificate/);
    assert.match(await refusedWith({ answer: null }), /no signature/);
    assert.match(await refusedWith({ answer: { signature: 'AA==' } }), /was not signed/);
  });

  it('asks for the certificate of the key that it signed for', async () => {
    assert.match(await refusedWith({ comesWith: spkiOf(newKey()) }), /was not signed/);
  });

  it('is neither evicted nor banned', async () => {
    assert.match(await refusedWith({ record: undefined }), /not known any more/);
    const record = banned(recordOf(held), { atMs: 0, by: 'ann', reason: 'stolen' });
    assert.match(await refusedWith({ record }), /banned/);
  });

  it('an answer to one question is none to another', async () => {
    const attestor = rejoinAttestor({
      random,
      record: async () => recordOf(held),
      withinMs: () => 60_000,
    });
    const evidence = { host, publicKey: Buffer.from(spkiOf(held)).toString('base64') };
    const begin = () => attestor.begin({ evidence, publicKeySpki: next, nowMs: 0 });
    const [first, second] = [await begin(), await begin()];
    assert.ok(first.kind === 'challenge' && second.kind === 'challenge');
    const answer = answerRejoin(first.challenge, held, next);
    assert.deepEqual((await second.answered(answer)).kind, 'refused');
    assert.deepEqual((await first.answered(answer)).kind, 'proven');
  });

  it('what is no evidence is refused', async () => {
    const attestor = rejoinAttestor({ random, record: async () => undefined, withinMs: () => 1 });
    for (const evidence of [null, {}, { host: 'Bad Name', publicKey: '' }, ['x'], 7] as Json[]) {
      const step = await attestor.begin({ evidence, publicKeySpki: next, nowMs: 0 });
      assert.equal(step.kind, 'refused', JSON.stringify(ok(evidence)));
    }
  });
});

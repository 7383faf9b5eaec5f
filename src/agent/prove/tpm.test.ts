import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { noTpm, SoftwareTpm } from '../../../test/support/swtpm.ts';
import type { Json } from '../../base/json.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { AttestationStep } from '../../identity/hosts/attestor.ts';
import { bytesOf, member } from '../../identity/hosts/json-bytes.ts';
import { tpmAttestor } from '../../identity/hosts/tpm.ts';
import { ekHash, readTpmPublic } from '../../identity/hosts/tpm-public.ts';
import type { HostName, TpmAdmission } from '../../model/types.ts';
import { tpmProver } from './tpm.ts';

const nowMs = Date.parse('2026-11-01T12:00:00Z');

function newKey(): Uint8Array {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return publicKey.export({ type: 'spki', format: 'der' });
}

function hashIn(evidence: Json): string {
  const key = readTpmPublic(bytesOf(member(evidence, 'ek'), 1_024) ?? new Uint8Array(0));
  assert.ok(key.ok, key.ok ? '' : key.error);
  return ekHash(key.value);
}

function knowing(...hashes: readonly string[]): TpmAdmission {
  const known = new Map(hashes.map((hash, index) => [hash, `web-${index + 1}` as HostName]));
  return { known, roots: undefined };
}

function begin(
  evidence: Json,
  publicKeySpki: Uint8Array,
  admission: TpmAdmission,
): Promise<AttestationStep> {
  const attestor = tpmAttestor({ admission, random });
  return attestor.begin({ evidence, publicKeySpki, nowMs });
}

function challengeOf(step: AttestationStep): AttestationStep & { readonly kind: 'challenge' } {
  assert.equal(step.kind, 'challenge', step.kind === 'refused' ? step.reason : '');
  return step as AttestationStep & { readonly kind: 'challenge' };
}

function refusalOf(step: AttestationStep): string {
  assert.equal(step.kind, 'refused');
  return step.kind === 'refused' ? step.reason : '';
}

describe('a machine with a TPM', { skip: noTpm }, () => {
  let tpm: SoftwareTpm;
  let other: SoftwareTpm;
  before(async () => {
    [tpm, other] = await Promise.all([SoftwareTpm.start(), SoftwareTpm.start()]);
  });
  after(() => Promise.all([tpm.stop(), other.stop()]));

  it('is proven, by the name that the intent gives its endorsement key', async () => {
    const prover = tpmProver(tpm.access);
    const key = newKey();
    const evidence = await prover.evidence(key);
    const hash = hashIn(evidence);
    const step = challengeOf(await begin(evidence, key, knowing(hash)));
    const proven = await step.answered(await prover.answer(step.challenge));
    assert.deepEqual(proven, {
      kind: 'proven',
      proof: {
        name: 'web-1',
        anchor: `tpm:${hash}`,
        selectors: [
          { kind: 'host:ek', value: hash },
          { kind: 'host:method', value: 'tpm' },
        ],
      },
    });
  });

  it('has the hash that other tools compute of the endorsement key', async () => {
    const evidence = await tpmProver(tpm.access).evidence(newKey());
    const der = tpm.tool('sh', [
      ...['-c', 'tpm2_createek -Q -G rsa -c /dev/null -f der -u /dev/stdout | base64; exec "$@"'],
      ...['sh', 'tpm2_flushcontext', '-t'],
    ]);
    const hash = createHash('sha256').update(Buffer.from(der, 'base64')).digest('hex');
    assert.equal(hashIn(evidence), hash);
  });

  it('has the same keys each time, and leaves nothing in the TPM', async () => {
    const first = await tpmProver(tpm.access).evidence(newKey());
    assert.deepEqual(await tpmProver(tpm.access).evidence(newKey()), first);
    for (const kind of ['transient', 'loaded-session', 'saved-session'])
      assert.equal(tpm.tool('tpm2_getcap', [`handles-${kind}`]), '', kind);
  });

  it('that the intent does not name is refused with the hash to be named', async () => {
    const evidence = await tpmProver(tpm.access).evidence(newKey());
    const reason = refusalOf(await begin(evidence, newKey(), knowing('00')));
    assert.ok(reason.includes(hashIn(evidence)), reason);
  });

  it('cannot show the endorsement key of another with its own attestation key', async () => {
    const key = newKey();
    const prover = tpmProver(tpm.access);
    const own = await prover.evidence(key);
    const theirs = await tpmProver(other.access).evidence(key);
    const mixed = { ...(own as object), ek: member(theirs, 'ek') ?? null };
    const step = challengeOf(await begin(mixed, key, knowing(hashIn(theirs))));
    await assert.rejects(prover.answer(step.challenge), { code: 'CH3032' });
  });

  it('opens no secret for the attestation key of another', async () => {
    const key = newKey();
    const prover = tpmProver(tpm.access);
    const own = await prover.evidence(key);
    const theirs = await tpmProver(other.access).evidence(key);
    const mixed = { ...(own as object), ak: member(theirs, 'ak') ?? null };
    const step = challengeOf(await begin(mixed, key, knowing(hashIn(own))));
    await assert.rejects(prover.answer(step.challenge), { code: 'CH3032' });
  });

  it('is refused with the answer of a former challenge', async () => {
    const prover = tpmProver(tpm.access);
    const key = newKey();
    const evidence = await prover.evidence(key);
    const admission = knowing(hashIn(evidence));
    const first = challengeOf(await begin(evidence, key, admission));
    const answer = await prover.answer(first.challenge);
    const second = challengeOf(await begin(evidence, key, admission));
    assert.match(refusalOf(await second.answered(answer)), /another secret/);
    await prover.evidence(key);
    const fresh = await prover.answer(second.challenge);
    const replayed = { ...(answer as object), secret: member(fresh, 'secret') ?? null };
    assert.match(refusalOf(await second.answered(replayed)), /another challenge/);
  });

  it('is refused when its answer is for another public key', async () => {
    const prover = tpmProver(tpm.access);
    const evidence = await prover.evidence(newKey());
    const step = challengeOf(await begin(evidence, newKey(), knowing(hashIn(evidence))));
    const answer = await prover.answer(step.challenge);
    assert.match(refusalOf(await step.answered(answer)), /for another key/);
  });

  it('is refused whatever byte of its answer changes, and nothing throws', async () => {
    const prover = tpmProver(tpm.access);
    const key = newKey();
    const evidence = await prover.evidence(key);
    const step = challengeOf(await begin(evidence, key, knowing(hashIn(evidence))));
    const answer = await prover.answer(step.challenge);
    for (const name of ['secret', 'quote', 'signature']) {
      const bytes = bytesOf(member(answer, name), 1_024) ?? new Uint8Array(0);
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const answered = { ...(answer as object), [name]: changed.toString('base64') };
        assert.equal((await step.answered(answered)).kind, 'refused', `${name} ${at}`);
      }
    }
    for (const broken of [null, 1, 'x', [], {}, { ...(answer as object), secret: '!' }])
      assert.equal((await step.answered(broken)).kind, 'refused');
    assert.equal((await step.answered(answer)).kind, 'proven');
  });
});

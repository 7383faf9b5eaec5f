import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  activate,
  akAttributes,
  ekAttributes,
  type KeyKind,
  type SoftKey,
  softAk,
  softEk,
  softKey,
  softQuote,
} from '../../../test/support/soft-tpm.ts';
import type { Json } from '../../base/json.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { HostName, TpmAdmission } from '../../model/types.ts';
import type { AttestationStep } from './attestor.ts';
import { tpmAttestor } from './tpm.ts';
import { ekHash, readTpmPublic, type TpmPublic } from './tpm-public.ts';
import { qualifyingData } from './tpm-quote.ts';
import { u16 } from './tpm-structure.ts';

const nowMs = Date.parse('2026-11-01T12:00:00Z');
const hostKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const publicKeySpki = hostKey.export({ type: 'spki', format: 'der' });
const ek256 = softEk('p256');
const ak256 = softAk('p256');

function publicOf({ publicPart }: SoftKey): TpmPublic {
  const read = readTpmPublic(publicPart);
  assert.ok(read.ok, read.ok ? '' : read.error);
  return read.value;
}

function knowing(ek: SoftKey): TpmAdmission {
  return { known: new Map([[ekHash(publicOf(ek)), 'web-1' as HostName]]), roots: undefined };
}

function begin(evidence: Json, admission: TpmAdmission): Promise<AttestationStep> {
  const attestor = tpmAttestor({ admission, random });
  return attestor.begin({ evidence, publicKeySpki, nowMs });
}

function evidenceOf(ek: SoftKey, ak: SoftKey): Json {
  return {
    ek: ek.publicPart.toString('base64'),
    ak: ak.publicPart.toString('base64'),
    chain: [],
  };
}

interface Opened {
  readonly secret: Buffer;
  readonly data: Uint8Array;
  readonly answered: (answer: Json) => Promise<AttestationStep>;
}

async function opened(ek: SoftKey, ak: SoftKey): Promise<Opened> {
  const step = await begin(evidenceOf(ek, ak), knowing(ek));
  assert.equal(step.kind, 'challenge', step.kind === 'refused' ? step.reason : '');
  if (step.kind !== 'challenge') throw new Error('no challenge');
  const parts = step.challenge as Readonly<Record<string, string>>;
  const bytes = (name: string): Buffer => Buffer.from(parts[name] ?? '', 'base64');
  const secret = activate(ek, ak, bytes('credential'), bytes('seed'));
  const data = qualifyingData(bytes('nonce'), publicKeySpki);
  return { secret, data, answered: step.answered };
}

function answer(
  secret: Buffer,
  { quote, signature }: { readonly quote: Buffer; readonly signature: Buffer },
): Json {
  return {
    secret: secret.toString('base64'),
    quote: quote.toString('base64'),
    signature: signature.toString('base64'),
  };
}

async function refusal(step: AttestationStep | Promise<AttestationStep>): Promise<string> {
  const outcome = await step;
  assert.equal(outcome.kind, 'refused');
  return outcome.kind === 'refused' ? outcome.reason : '';
}

describe('the attestor of TPMs', () => {
  const kinds: readonly KeyKind[] = ['rsa2048', 'rsa3072', 'p256', 'p384'];
  for (const kind of kinds) {
    it(`takes endorsement and attestation keys of ${kind}`, async () => {
      const ek = softEk(kind);
      const ak = softAk(kind);
      const { secret, data, answered } = await opened(ek, ak);
      const outcome = await answered(answer(secret, softQuote(ak, data)));
      assert.equal(outcome.kind, 'proven', outcome.kind === 'refused' ? outcome.reason : '');
    });
  }

  it('refuses an endorsement key of other attributes, by name', async () => {
    const cases: readonly (readonly [number, RegExp])[] = [
      [ekAttributes & ~(1 << 1), /lacks the attribute fixedTPM/],
      [ekAttributes & ~(1 << 4), /lacks the attribute fixedParent/],
      [ekAttributes & ~(1 << 5), /lacks the attribute sensitiveDataOrigin/],
      [ekAttributes & ~(1 << 16), /lacks the attribute restricted/],
      [ekAttributes & ~(1 << 17), /lacks the attribute decrypt/],
      [ekAttributes | (1 << 18), /has the attribute sign/],
      [ekAttributes | (1 << 11), /has the attribute 0x800/],
      [(ekAttributes | (1 << 31)) >>> 0, /has the attribute 0x80000000/],
    ];
    for (const [attributes, reason] of cases) {
      const ek = softEk('p256', attributes);
      assert.match(await refusal(begin(evidenceOf(ek, ak256), knowing(ek))), reason);
    }
  });

  it('refuses an attestation key that could sign what others give it, leave its TPM, or be used without its password', async () => {
    const cases: readonly (readonly [number, RegExp])[] = [
      [akAttributes & ~(1 << 1), /lacks the attribute fixedTPM/],
      [akAttributes & ~(1 << 4), /lacks the attribute fixedParent/],
      [akAttributes & ~(1 << 5), /lacks the attribute sensitiveDataOrigin/],
      [akAttributes & ~(1 << 6), /lacks the attribute userWithAuth/],
      [akAttributes & ~(1 << 16), /lacks the attribute restricted/],
      [akAttributes & ~(1 << 18), /lacks the attribute sign/],
      [akAttributes | (1 << 17), /has the attribute decrypt/],
      [akAttributes | (1 << 7), /has the attribute adminWithPolicy/],
      [akAttributes | (1 << 19), /has the attribute 0x80000/],
    ];
    for (const [attributes, reason] of cases) {
      const ak = softAk('p256', attributes);
      assert.match(await refusal(begin(evidenceOf(ek256, ak), knowing(ek256))), reason);
    }
    const parameters = Buffer.concat([u16(0x0010), u16(0x0018), u16(0x000b)]);
    const form = { kind: 'p256' as const, attributes: akAttributes, parameters };
    const policy = softKey({ ...form, policy: Buffer.alloc(32) });
    assert.match(await refusal(begin(evidenceOf(ek256, policy), knowing(ek256))), /has a policy/);
    const anyScheme = softKey({ ...form, parameters: Buffer.concat([u16(0x0010), u16(0x0010)]) });
    const reason = await refusal(begin(evidenceOf(ek256, anyScheme), knowing(ek256)));
    assert.match(reason, /does not sign in the one way/);
  });

  it('refuses a secret or a quote that is not for this challenge', async () => {
    const { secret, data, answered } = await opened(ek256, ak256);
    const quote = softQuote(ak256, data);
    const wrong = Buffer.from(secret).fill(0, 31);
    wrong[0] = (secret[0] ?? 0) ^ 1;
    assert.match(await refusal(answered(answer(wrong, quote))), /another secret/);
    assert.match(await refusal(answered(answer(secret.subarray(1), quote))), /another secret/);
    assert.match(await refusal(answered(answer(Buffer.alloc(0), quote))), /lacks the secret/);
    const other = softQuote(ak256, createHash('sha256').update(data).digest());
    assert.match(await refusal(answered(answer(secret, other))), /another challenge/);
    const short = softQuote(ak256, data.subarray(0, 31));
    assert.match(await refusal(answered(answer(secret, short))), /another challenge/);
  });

  it('refuses a statement that is no quote, or of another key', async () => {
    const { secret, data, answered } = await opened(ek256, ak256);
    for (const change of [{ magic: 0 }, { type: 0x8017 }, { type: 0x8014 }]) {
      const statement = softQuote(ak256, data, change);
      assert.match(await refusal(answered(answer(secret, statement))), /is no quote of a TPM/);
    }
    const foreign = softQuote(softAk('p256'), data);
    assert.match(await refusal(answered(answer(secret, foreign))), /does not fit its key/);
    const rsa = softQuote(softAk('rsa2048'), data);
    assert.match(await refusal(answered(answer(secret, rsa))), /not of the kind/);
  });

  it('a hash in the intent names one key only', async () => {
    const evidence = evidenceOf(softEk('p256'), ak256);
    assert.match(await refusal(begin(evidence, knowing(ek256))), /not among `hosts.tpm.known`/);
  });

  it('neither throws nor takes anything of evidence that is broken anywhere', async () => {
    const wholes: readonly Json[] = [null, 1, 'x', [], {}, { ek: 1 }, { ek: 'AAAA', ak: 'AAAA' }];
    for (const whole of wholes) await refusal(begin(whole, knowing(ek256)));
    const huge = 'A'.repeat(1_000_000);
    const evidence = evidenceOf(ek256, ak256) as Readonly<Record<string, Json>>;
    await refusal(begin({ ...evidence, ek: huge }, knowing(ek256)));
    await refusal(begin({ ...evidence, chain: Array(6).fill('AAAA') }, knowing(ek256)));
    await refusal(begin({ ...evidence, chain: [huge] }, knowing(ek256)));
    await refusal(begin({ ...evidence, chain: { length: 0 } }, knowing(ek256)));
  });
});

describe('a TPM2B_PUBLIC', () => {
  it('read in part is read as nothing', () => {
    for (const key of [softEk('rsa2048'), ek256, softAk('rsa3072'), ak256]) {
      const { publicPart } = key;
      for (let length = 0; length < publicPart.length; length += 1)
        assert.ok(!readTpmPublic(publicPart.subarray(0, length)).ok, `${length} bytes`);
      assert.ok(!readTpmPublic(Buffer.concat([publicPart, Buffer.of(0)])).ok);
    }
  });

  it('with a point beside its curve is refused', () => {
    const changed = Buffer.from(ek256.publicPart);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const read = readTpmPublic(changed);
    assert.match(read.ok ? '' : read.error, /beside its curve/);
  });

  it('keeps its spelling where it is taken at all, whatever bytes change', () => {
    let state = 7;
    const next = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % below;
    };
    const originals = [softEk('rsa2048').publicPart, ek256.publicPart, ak256.publicPart];
    let taken = 0;
    for (let round = 0; round < 6_000; round += 1) {
      const changed = Buffer.from(originals[round % originals.length] ?? '');
      for (let flips = 1 + next(3); flips > 0; flips -= 1)
        changed[next(changed.length)] = next(256);
      const read = readTpmPublic(changed);
      if (!read.ok) continue;
      taken += 1;
      assert.deepEqual(Buffer.from(read.value.encoded), changed.subarray(2));
      assert.equal(ekHash(read.value).length, 64);
    }
    assert.ok(taken > 0, 'nothing was taken: the test shows nothing');
  });
});

import assert from 'node:assert/strict';
import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Made, madeMs, make, newKey, usage, type Wanted } from '../../../test/support/pki.ts';
import type { Json } from '../../base/json.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { X509Admission } from '../../model/types.ts';
import { spkiOf } from '../ca.ts';
import { toPem } from '../pem.ts';
import type { AttestationStep } from './attestor.ts';
import { x509popAttestor } from './x509pop.ts';
import { signProof } from './x509pop-proof.ts';

const nowMs = madeMs;
const root = make({ name: 'root', ca: true });
const publicKeySpki = spkiOf(newKey());

function admission(
  name: X509Admission['name'] = 'dns',
  roots: readonly Made[] = [root],
): X509Admission {
  const rootsPem = roots.map(({ der }) => toPem('CERTIFICATE', der)).join('');
  return { at: { file: 'mesh.yaml', line: 1, column: 1, length: 1 }, rootsPem, name };
}

function host(more: Partial<Wanted> = {}): Made {
  return make({ name: 'web-17', issuer: root, dnsNames: ['web-17.shop.test'], ...more });
}

const agentNonce = randomBytes(32);

function evidenceOf(chain: readonly Made[]): Json {
  const ders = chain.map(({ der }) => Buffer.from(der).toString('base64'));
  return { chain: ders, nonce: agentNonce.toString('base64') };
}

function begin(chain: readonly Made[], from = admission()): Promise<AttestationStep> {
  const attestor = x509popAttestor({ admission: from, random });
  return attestor.begin({ evidence: evidenceOf(chain), publicKeySpki, nowMs });
}

function challengeOf(step: AttestationStep): {
  nonce: string;
  answer: (json: Json) => Promise<AttestationStep>;
} {
  assert.equal(step.kind, 'challenge', step.kind === 'refused' ? step.reason : '');
  const { nonce } = step.challenge as { nonce: string };
  return { nonce, answer: step.answered };
}

function signed(
  key: KeyObject,
  serverNonce: string,
  spki = publicKeySpki,
  nonce = agentNonce,
): Json {
  const parts = { serverNonce: Buffer.from(serverNonce, 'base64'), agentNonce: nonce };
  const signature = signProof(key, { ...parts, publicKeySpki: spki });
  assert.ok(signature.ok, signature.ok ? '' : signature.error);
  return { signature: Buffer.from(signature.value).toString('base64') };
}

async function attest(chain: readonly Made[], from?: X509Admission): Promise<AttestationStep> {
  const { nonce, answer } = challengeOf(await begin(chain, from));
  return answer(signed(chain[0]?.key ?? newKey(), nonce));
}

async function reason(step: Promise<AttestationStep> | AttestationStep): Promise<string> {
  const done = await step;
  return done.kind === 'refused' ? done.reason : done.kind;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a host that proves its certificate', () => {
  it('is known by its key, its CA and its names', async () => {
    const leaf = host();
    const step = await attest([leaf]);
    assert.deepEqual(step, {
      kind: 'proven',
      proof: {
        name: 'web-17.shop.test',
        anchor: `x509:${sha256(leaf.certificate.publicKeySpki)}`,
        selectors: [
          { kind: 'host:method', value: 'x509pop' },
          { kind: 'host:ca', value: sha256(root.der) },
          { kind: 'host:subject_cn', value: 'web-17' },
          { kind: 'host:san_dns', value: 'web-17.shop.test' },
        ],
      },
    });
  });

  for (const kind of ['p256', 'p384', 'rsa', 'ed25519'] as const) {
    it(`with a key of ${kind}`, async () => {
      assert.equal((await attest([host({ key: newKey(kind) })])).kind, 'proven');
    });
  }

  it('is named by its common name, its first DNS name or its key, in small letters', async () => {
    const leaf = host({ name: 'WEB-17', dnsNames: ['Web-17.shop.test', 'other.shop.test'] });
    const names = { common_name: 'web-17', dns: 'web-17.shop.test' } as const;
    for (const [named, expected] of Object.entries(names)) {
      const step = await attest([leaf], admission(named as X509Admission['name']));
      assert.equal(step.kind === 'proven' && step.proof.name, expected);
    }
    const step = await attest([leaf], admission('fingerprint'));
    const fingerprint = sha256(leaf.certificate.publicKeySpki).slice(0, 40);
    assert.equal(step.kind === 'proven' && step.proof.name, fingerprint);
  });

  it('renewed for the same key it is the same machine, for another key another one', async () => {
    const key = newKey();
    const anchors: unknown[] = [];
    for (const leaf of [host({ key }), host({ key }), host()]) {
      const step = await attest([leaf]);
      anchors.push(step.kind === 'proven' && step.proof.anchor);
    }
    assert.equal(anchors[0], anchors[1]);
    assert.notEqual(anchors[0], anchors[2]);
  });

  it('below either of two roots of one name', async () => {
    const other = make({ name: 'root', ca: true });
    for (const issuer of [root, other]) {
      const step = await attest([host({ issuer })], admission('dns', [root, other]));
      const ca = step.kind === 'proven' ? step.proof.selectors[1]?.value : undefined;
      assert.equal(ca, sha256(issuer.der));
    }
  });

  const below = (count: number): readonly Made[] => {
    const cas: Made[] = [];
    for (let index = 0; index < count; index += 1) {
      cas.unshift(make({ name: `ca-${index}`, ca: true, issuer: cas[0] ?? root }));
    }
    return [host({ issuer: cas[0] ?? root }), ...cas];
  };

  it('with four CAs between, and not with five', async () => {
    assert.equal((await attest(below(4))).kind, 'proven');
    assert.match(await reason(begin(below(5))), /more than 4 intermediates/);
  });
});

describe('a host is refused', () => {
  const refused: readonly (readonly [string, () => readonly Made[], RegExp])[] = [
    ['with another root', () => [host({ issuer: make({ name: 'root', ca: true }) })], /signature/],
    [
      'with a root of its own that it sends along',
      () => {
        const own = make({ name: 'own', ca: true });
        return [host({ issuer: own }), own];
      },
      /issue each other|no root here/,
    ],
    ['when its certificate ended', () => [host({ notAfterMs: nowMs - 1_000 })], /ended at/],
    ['before its certificate begins', () => [host({ notBeforeMs: nowMs + 1_000 })], /only from/],
    [
      'without digitalSignature',
      () => [host({ keyUsage: usage.keyEncipherment })],
      /does not hold digitalSignature/,
    ],
    ['without key usage', () => [host({ keyUsage: null })], /does not hold digitalSignature/],
    [
      'with the certificate of a CA',
      () => [host({ ca: true, keyUsage: usage.keyCertSign | usage.digitalSignature })],
      /that of a CA/,
    ],
    ['without a DNS name', () => [host({ dnsNames: [] })], /no DNS name/],
    ['with a name that is none', () => [host({ dnsNames: ['*.shop.test'] })], /no host name/],
    [
      'with more names than a machine has',
      () => [host({ dnsNames: Array.from({ length: 101 }, (_, index) => `h${index}.test`) })],
      /more than 100 DNS names/,
    ],
    [
      'with more certificates than the limit',
      () => [host(), ...Array(17).fill(root)],
      /at most 17/,
    ],
    ['without a certificate', () => [], /no certificate/],
  ];
  for (const [what, chain, expected] of refused) {
    it(what, async () => assert.match(await reason(begin(chain())), expected));
  }

  it('with evidence of another shape', async () => {
    const attestor = x509popAttestor({ admission: admission(), random });
    const nonce = agentNonce.toString('base64');
    const good = Buffer.from(host().der).toString('base64');
    const shapes: readonly Json[] = [
      null,
      'x',
      [],
      {},
      { nonce },
      { nonce, chain: good },
      { nonce, chain: [1] },
      { nonce, chain: [`${good}=`] },
      { nonce, chain: ['AAAA'] },
      { nonce: nonce.slice(4), chain: [good] },
      { nonce, chain: ['A'.repeat(1_000_000)] },
    ];
    for (const evidence of shapes) {
      const step = attestor.begin({ evidence, publicKeySpki, nowMs });
      assert.match(await reason(step), /nonce|chain|certificate 1/);
    }
  });

  it('with a certificate whose key it does not have', async () => {
    const { nonce, answer } = challengeOf(await begin([host()]));
    assert.match(await reason(answer(signed(newKey(), nonce))), /not signed by the key/);
  });

  it('with the answer to an earlier challenge', async () => {
    const leaf = host();
    const first = challengeOf(await begin([leaf]));
    const earlier = signed(leaf.key, first.nonce);
    assert.equal((await first.answer(earlier)).kind, 'proven');
    const second = challengeOf(await begin([leaf]));
    assert.notEqual(first.nonce, second.nonce);
    assert.match(await reason(second.answer(earlier)), /not signed by the key/);
  });

  it('with a second answer to the same challenge', async () => {
    const leaf = host();
    const { nonce, answer } = challengeOf(await begin([leaf]));
    assert.equal((await answer({ signature: 'AAAA' })).kind, 'refused');
    assert.match(await reason(answer(signed(leaf.key, nonce))), /answered already/);
  });

  it('with an answer for another public key, or another nonce of its own', async () => {
    const leaf = host();
    const other = challengeOf(await begin([leaf]));
    const forKey = signed(leaf.key, other.nonce, spkiOf(newKey()));
    assert.match(await reason(other.answer(forKey)), /not signed by the key/);
    const again = challengeOf(await begin([leaf]));
    const forNonce = signed(leaf.key, again.nonce, publicKeySpki, randomBytes(32));
    assert.match(await reason(again.answer(forNonce)), /not signed by the key/);
  });

  it('with a key that is not taken', async () => {
    const { answer } = challengeOf(await begin([host({ key: newKey('p521') })]));
    assert.match(await reason(answer({ signature: 'AAAA' })), /none of P-256/);
  });

  it('with an answer of another shape', async () => {
    for (const json of [null, 'x', {}, { signature: 1 }, { signature: '' }, { signature: '!!' }]) {
      const { answer } = challengeOf(await begin([host()]));
      assert.match(await reason(answer(json)), /is not \{ signature \}/);
    }
    for (const kind of ['p256', 'rsa', 'ed25519'] as const) {
      for (const length of [1, 64, 256, 1_000]) {
        const { answer } = challengeOf(await begin([host({ key: newKey(kind) })]));
        const signature = randomBytes(length).toString('base64');
        assert.match(await reason(answer({ signature })), /not signed by the key/);
      }
    }
  });
});

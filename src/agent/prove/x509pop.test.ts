import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type KeyKind, type Made, madeMs, make, newKey } from '../../../test/support/pki.ts';
import { systemRandom as random } from '../../base/random.ts';
import { spkiOf } from '../../identity/ca.ts';
import type { AttestationStep } from '../../identity/hosts/attestor.ts';
import { x509popAttestor } from '../../identity/hosts/x509pop.ts';
import { toPem } from '../../identity/pem.ts';
import { x509popProver } from './x509pop.ts';

const dir = mkdtempSync(join(tmpdir(), 'x509pop-'));
after(() => rmSync(dir, { recursive: true }));
const files = { certificatePath: join(dir, 'host.pem'), keyPath: join(dir, 'host.key') };

const root = make({ name: 'root', ca: true });
const ca = make({ name: 'ca', ca: true, issuer: root });
const at = { file: 'mesh.yaml', line: 1, column: 1, length: 1 };
const rootsPem = toPem('CERTIFICATE', root.der);
const attestor = x509popAttestor({ admission: { at, rootsPem, name: 'common_name' }, random });
const publicKeySpki = spkiOf(newKey());

function host(name: string, kind: KeyKind = 'p256'): Made {
  return make({ name, issuer: ca, key: newKey(kind) });
}

function install(leaf: Made, key = leaf.key): void {
  const chain = [leaf, ca].map(({ der }) => toPem('CERTIFICATE', der));
  writeFileSync(files.certificatePath, chain.join(''));
  writeFileSync(files.keyPath, key.export({ type: 'pkcs8', format: 'pem' }));
}

const prover = x509popProver(files, random);

async function proven(spki = publicKeySpki): Promise<AttestationStep> {
  const evidence = await prover.evidence(publicKeySpki);
  const step = await attestor.begin({ evidence, publicKeySpki: spki, nowMs: madeMs });
  if (step.kind !== 'challenge') return step;
  return step.answered(await prover.answer(step.challenge));
}

describe('a host that proves with the files of its certificate', () => {
  for (const kind of ['p256', 'p384', 'rsa', 'ed25519'] as const) {
    it(`is known to the control plane, with a key of ${kind}`, async () => {
      install(host(`host-${kind}`, kind));
      const step = await proven();
      assert.equal(step.kind === 'proven' ? step.proof.name : step, `host-${kind}`);
    });
  }

  it('shows a renewed certificate without a restart', async () => {
    install(host('before'));
    assert.equal((await proven()).kind, 'proven');
    install(host('later'));
    const step = await proven();
    assert.equal(step.kind === 'proven' && step.proof.name, 'later');
  });

  it('reads keys in the older forms of PEM', async () => {
    const leaf = host('host', 'rsa');
    install(leaf);
    writeFileSync(files.keyPath, leaf.key.export({ type: 'pkcs1', format: 'pem' }));
    assert.equal((await proven()).kind, 'proven');
  });

  it('proves one public key only', async () => {
    install(host('host'));
    assert.equal((await proven(spkiOf(newKey()))).kind, 'refused');
  });

  it('signs once for each evidence, and nothing but nonces', async () => {
    install(host('host'));
    const nonce = Buffer.alloc(32, 1).toString('base64');
    await prover.evidence(publicKeySpki);
    await prover.answer({ nonce });
    await assert.rejects(prover.answer({ nonce }), /not begun/);
    for (const challenge of [null, {}, { nonce: 'AAAA' }, { nonce: 1 }, 'x']) {
      await prover.evidence(publicKeySpki);
      await assert.rejects(prover.answer(challenge), /no nonce of 32 bytes/);
    }
  });

  const broken: readonly (readonly [string, () => void, RegExp])[] = [
    ['a file that is missing', () => rmSync(files.keyPath), /cannot be read: ENOENT.*host\.key/],
    [
      'a certificate file without certificate',
      () => writeFileSync(files.certificatePath, 'x'),
      /host\.pem holds no certificate in PEM/,
    ],
    [
      'a certificate that is cut off',
      () => writeFileSync(files.certificatePath, rootsPem.slice(0, 200)),
      /host\.pem: the PEM block "CERTIFICATE" does not end/,
    ],
    [
      'a key of another certificate',
      () => install(host('host'), newKey()),
      /is not that of the first/,
    ],
    [
      'a key file without key',
      () => writeFileSync(files.keyPath, rootsPem),
      /holds no private key/,
    ],
    [
      'a key with a passphrase',
      () => {
        const secret = { cipher: 'aes-256-cbc', passphrase: 'x' };
        const pem = newKey().export({ type: 'pkcs8', format: 'pem', ...secret });
        writeFileSync(files.keyPath, pem);
      },
      /is encrypted/,
    ],
  ];
  for (const [what, spoil, expected] of broken) {
    it(`says so of ${what}`, async () => {
      install(host('host'));
      spoil();
      await assert.rejects(prover.evidence(publicKeySpki), expected);
    });
  }
});

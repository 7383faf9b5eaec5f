import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import { createRoot, createRootKey } from '../identity/ca.ts';
import { toPem } from '../identity/pem.ts';
import { parseIntent } from './parse.ts';
import type { Admission, TrustDomain } from './types.ts';

const hash = '7b'.repeat(32);
const certificates = [1, 2].map(() => {
  const trustDomain = 'shop.test' as TrustDomain;
  const times = { nowMs: Date.parse('2026-11-01T12:00:00Z'), lifetimeSeconds: 3_600 };
  const root = createRoot({ trustDomain, privateKey: createRootKey(), random, ...times });
  return toPem('CERTIFICATE', root.certificateDer);
});
const block = certificates.join('# between\n').replaceAll('\n', '\n        ');

function admissionOf(hosts: string): Admission {
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', `mesh: shop\ntrust_domain: shop.test\nhosts:\n${hosts}`],
      ['services/web.yaml', 'service: web\nowner: me\nprotocol: http\nport: 8080\n'],
    ]),
  );
  assert.ok(intent !== undefined, JSON.stringify(findings));
  return intent.mesh.hosts;
}

describe('hosts in mesh.yaml', () => {
  it('admits no TPM and no instance unless it says so', () => {
    const { tpm, awsIid } = admissionOf('  rejoin: 1d\n');
    assert.equal(tpm, undefined);
    assert.equal(awsIid, undefined);
  });

  it('names TPMs by the hash of their endorsement key', () => {
    const { tpm } = admissionOf(`  tpm:\n    known: { web-1.eu: ${hash} }\n`);
    assert.deepEqual(tpm, { known: new Map([[hash, 'web-1.eu']]), roots: [] });
  });

  it('takes each CA of a block of PEM', () => {
    const { tpm } = admissionOf(`  tpm:\n    roots: |\n        ${block}\n`);
    const read = tpm?.roots.map((der) => new X509Certificate(der).fingerprint256);
    const expected = certificates.map((pem) => new X509Certificate(pem).fingerprint256);
    assert.deepEqual(read, expected);
  });

  it('admits instances of accounts, an hour after their start unless it says otherwise', () => {
    const fields = `    accounts: 012345678901\n    certificates: |\n        ${block}\n`;
    const { awsIid } = admissionOf(`  aws_iid:\n${fields}`);
    assert.deepEqual(awsIid?.accounts, ['012345678901']);
    assert.equal(awsIid?.certificates.length, 2);
    assert.equal(awsIid?.ageSecondsMax, 3_600);
    const { awsIid: longer } = admissionOf(`  aws_iid:\n${fields}    max_age: 2d\n`);
    assert.equal(longer?.ageSecondsMax, 172_800);
  });
});

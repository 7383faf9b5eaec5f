import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { make, newKey } from '../../test/support/pki.ts';
import { fromPem, toPem } from '../identity/pem.ts';
import { type ParsedIntent, parseIntent } from './parse.ts';
import type { Admission } from './types.ts';

const hash = '7b'.repeat(32);
const key = newKey('rsa');
const certificates = ['one', 'two'].map((name) => toPem('CERTIFICATE', make({ name, key }).der));
const indented = (text: string): string => text.replaceAll('\n', '\n        ');
const block = indented(certificates.join('# between\n'));

function parse(hosts: string): ParsedIntent {
  return parseIntent(
    new Map([
      ['mesh.yaml', `mesh: shop\ntrust_domain: shop.test\nhosts:\n${hosts}`],
      ['services/web.yaml', 'service: web\nowner: me\nprotocol: http\nport: 8080\n'],
    ]),
  );
}

function admissionOf(hosts: string): Admission {
  const { intent, findings } = parse(hosts);
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
    assert.deepEqual(tpm, { known: new Map([[hash, 'web-1.eu']]), roots: undefined });
  });

  it('keeps the CAs of makers as they stand there, with their place', () => {
    const { tpm } = admissionOf(`  tpm:\n    roots: |\n        ${block}\n`);
    assert.equal(tpm?.roots?.at.line, 5);
    const read = fromPem('CERTIFICATE', tpm?.roots?.rootsPem ?? '');
    assert.equal(read.ok && read.value.length, 2);
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

  it('takes no signer of instances whose key is short or of another kind', () => {
    const others = (['rsa1024', 'p256'] as const).map((kind) =>
      toPem('CERTIFICATE', make({ name: kind, key: newKey(kind) }).der),
    );
    const text = indented([...certificates, ...others].join(''));
    const { findings } = parse(
      `  aws_iid:\n    accounts: ["012345678901"]\n    certificates: |\n        ${text}\n`,
    );
    assert.deepEqual(
      findings.map(({ code, found }) => [code, found]),
      [
        ['CH1077', 'certificate 3 has no RSA key of 2048 bits or more'],
        ['CH1077', 'certificate 4 has no RSA key of 2048 bits or more'],
      ],
    );
  });
});

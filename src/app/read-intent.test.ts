import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Made, madeMs, make, newKey, usage } from '../../test/support/pki.ts';
import { toPem } from '../identity/pem.ts';
import { readIntent } from './read-intent.ts';

const nowMs = madeMs;
const service = 'service: web\nowner: team\nprotocol: http\nport: 8080\nrun: node web.ts\n';

function filesWith(roots: string, name = 'dns'): ReadonlyMap<string, string> {
  const block = roots
    .trimEnd()
    .split('\n')
    .map((line) => `      ${line}\n`)
    .join('');
  const mesh = `mesh: shop\ntrust_domain: shop.test\nhosts:\n  x509pop:\n    name: ${name}\n    roots: |\n${block}`;
  return new Map([
    ['mesh.yaml', mesh],
    ['services/web.yaml', service],
  ]);
}

function pem(...made: readonly Made[]): string {
  return made.map(({ der }) => toPem('CERTIFICATE', der)).join('');
}

function said(roots: string, name?: string) {
  const { intent, findings } = readIntent(filesWith(roots, name), nowMs);
  return {
    taken: intent !== undefined,
    findings: findings.map(({ code, found }) => [code, found]),
  };
}

const root = make({ name: 'root', ca: true });

describe('the roots of host certificates', () => {
  it('are kept as they stand, with how a host is named', () => {
    const text = `# the CA of the shop\n${pem(root)}`;
    const { intent, findings } = readIntent(filesWith(text, 'common_name'), nowMs);
    assert.deepEqual(findings, []);
    const admission = intent?.mesh.hosts.x509pop;
    assert.equal(admission?.rootsPem, text);
    assert.equal(admission?.name, 'common_name');
    assert.deepEqual([admission?.at.file, admission?.at.line], ['mesh.yaml', 6]);
  });

  it('CH1070 text without a certificate, and too many of them', () => {
    assert.deepEqual(said('/etc/ssl/ca.pem'), { taken: false, findings: [['CH1070', undefined]] });
    assert.deepEqual(said(pem(...Array.from({ length: 17 }, () => root))), {
      taken: false,
      findings: [['CH1070', undefined]],
    });
  });

  it('CH1071 a block that is cut off, is no base64, or holds something else', () => {
    const whole = pem(root);
    const cases: readonly (readonly [string, string])[] = [
      [whole.slice(0, -30), 'the PEM block "CERTIFICATE" does not end'],
      [whole.replace('MII', 'M!I'), 'the PEM block "CERTIFICATE" is not base64'],
      [toPem('CERTIFICATE', root.der.subarray(0, 90)), 'the element is cut off'],
    ];
    for (const [text, found] of cases) {
      assert.deepEqual(said(text), { taken: false, findings: [['CH1071', found]] });
    }
  });

  it('CH1072 what is no CA, may not sign certificates, or is too weak', () => {
    const leaf = make({ name: 'host', issuer: root });
    const noSign = make({ name: 'crl', ca: true, keyUsage: usage.crlSign });
    const weak = make({ name: 'weak', ca: true, key: newKey('rsa1024') });
    assert.deepEqual(said(pem(root, leaf, noSign, weak)), {
      taken: false,
      findings: [
        ['CH1072', '"host" is no CA'],
        ['CH1072', 'the key usage of "crl" does not hold keyCertSign'],
        ['CH1072', 'the RSA key of "weak" has 1024 bits, not 2048 to 8192'],
      ],
    });
  });

  it('CH1073 a root that ended is a warning: the mesh starts', () => {
    const ended = make({ name: 'old', ca: true, notAfterMs: nowMs - 1_000 });
    assert.deepEqual(said(pem(root, ended)), {
      taken: true,
      findings: [['CH1073', 'valid until 2026-05-31T23:59:59.000Z']],
    });
  });

  it('CH1074 a private key', () => {
    const key = root.key.export({ type: 'sec1', format: 'pem' }).toString();
    assert.deepEqual(said(pem(root) + key), { taken: false, findings: [['CH1074', undefined]] });
  });

  it('of makers of TPMs are looked at in the same way', () => {
    const files = new Map(filesWith(pem(make({ name: 'host', issuer: root }))));
    const mesh = files.get('mesh.yaml') ?? '';
    files.set('mesh.yaml', mesh.replace('x509pop:\n    name: dns', 'tpm:'));
    const { intent, findings } = readIntent(files, nowMs);
    assert.equal(intent, undefined);
    assert.deepEqual(
      findings.map(({ code, found, at }) => [code, found, at?.line]),
      [['CH1072', '"host" is no CA', 5]],
    );
  });

  it('another way to name hosts is not known', () => {
    assert.deepEqual(said(pem(root), 'serial'), {
      taken: false,
      findings: [['CH1016', undefined]],
    });
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { AwsIidAdmission } from '../../model/types.ts';
import { contextTag, tag, write, writeOid, writeText, writeUnsigned } from '../der.ts';
import { oid } from '../oids.ts';
import { toPem } from '../pem.ts';
import type { AttestationStep } from './attestor.ts';
import { awsIidAttestor } from './aws-iid.ts';
import { derFromBer } from './ber.ts';

const startedMs = Date.parse('2026-11-01T12:00:00Z');
const document = {
  accountId: '123456789012',
  architecture: 'x86_64',
  availabilityZone: 'eu-central-1a',
  imageId: 'ami-0123456789abcdef0',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 't3.micro',
  pendingTime: '2026-11-01T12:00:00Z',
  privateIp: '10.0.0.7',
  region: 'eu-central-1',
  version: '2017-09-30',
};

interface Signer {
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
}

async function newSigner(modulusLength: number): Promise<Signer> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength,
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    name: 'CN=AWS',
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return { key, certificate: new Uint8Array(certificate.rawData) };
}

const sequence = (...parts: readonly Uint8Array[]): Uint8Array => write(tag.sequence, ...parts);
const algorithmOf = (id: string): Uint8Array => sequence(writeOid(id), write(tag.null));
const attribute = (id: string, value: Uint8Array): Uint8Array =>
  sequence(writeOid(id), write(tag.set, value));

/** SignedData as AWS writes it, but in DER. */
function signedMessage(
  content: string,
  { key }: Signer,
  change: { readonly digest?: Uint8Array; readonly plain?: boolean } = {},
): Uint8Array {
  const bytes = Buffer.from(content);
  const digest = change.digest ?? createHash('sha256').update(bytes).digest();
  const attributes = [
    attribute(oid.cmsContentType, writeOid(oid.cmsData)),
    attribute(oid.cmsMessageDigest, write(tag.octetString, digest)),
  ];
  const signed = change.plain === true ? bytes : write(tag.set, ...attributes);
  const info = sequence(
    writeUnsigned(Uint8Array.of(1)),
    sequence(sequence(), writeUnsigned(Uint8Array.of(1))),
    algorithmOf(oid.sha256),
    ...(change.plain === true ? [] : [write(contextTag(0, true), ...attributes)]),
    algorithmOf(oid.rsaEncryption),
    write(tag.octetString, sign('sha256', signed, key)),
  );
  const data = sequence(
    writeOid(oid.cmsData),
    write(contextTag(0, true), write(tag.octetString, bytes)),
  );
  const body = sequence(
    writeUnsigned(Uint8Array.of(1)),
    write(tag.set, algorithmOf(oid.sha256)),
    data,
    write(tag.set, info),
  );
  return sequence(writeOid(oid.cmsSignedData), write(contextTag(0, true), body));
}

describe('the attestor of EC2 instances', () => {
  let signer: Signer;
  let admission: AwsIidAdmission;
  const publicKeySpki = Uint8Array.of(1, 2, 3);
  before(async () => {
    signer = await newSigner(2_048);
    const other = await newSigner(2_048);
    const certificates = [other.certificate, signer.certificate];
    admission = { accounts: ['123456789012'], certificates, ageSecondsMax: 3_600 };
  });

  function begin(
    signed: Uint8Array,
    change: Partial<AwsIidAdmission> & { readonly nowMs?: number } = {},
  ): Promise<AttestationStep> {
    const attestor = awsIidAttestor({ admission: { ...admission, ...change } });
    const evidence = { pkcs7: Buffer.from(signed).toString('base64') };
    return attestor.begin({ evidence, publicKeySpki, nowMs: change.nowMs ?? startedMs + 60_000 });
  }

  async function refusal(step: Promise<AttestationStep>): Promise<string> {
    const outcome = await step;
    assert.equal(outcome.kind, 'refused');
    return outcome.kind === 'refused' ? outcome.reason : '';
  }

  const text = JSON.stringify(document);

  it('knows an instance by its signed document, and holds it to its first key', async () => {
    const key = createHash('sha256').update(publicKeySpki).digest('hex').slice(0, 32);
    const expected = {
      kind: 'proven',
      proof: {
        name: 'i-0123456789abcdef0',
        anchor: `aws:123456789012:i-0123456789abcdef0:${key}`,
        selectors: [
          { kind: 'host:account', value: '123456789012' },
          { kind: 'host:image', value: 'ami-0123456789abcdef0' },
          { kind: 'host:instance_type', value: 't3.micro' },
          { kind: 'host:method', value: 'aws_iid' },
          { kind: 'host:region', value: 'eu-central-1' },
        ],
      },
    };
    assert.deepEqual(await begin(signedMessage(text, signer)), expected);
    assert.deepEqual(await begin(signedMessage(text, signer, { plain: true })), expected);
  });

  it('takes what OpenSSL signs while it streams: open lengths, strings in pieces', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'iid-'));
    try {
      writeFileSync(join(dir, 'signer.pem'), toPem('CERTIFICATE', signer.certificate));
      writeFileSync(join(dir, 'key.pem'), signer.key.export({ type: 'pkcs8', format: 'pem' }));
      const args = ['smime', '-sign', '-binary', '-nodetach', '-indef', '-outform', 'DER'];
      const signed = execFileSync(
        'openssl',
        [...args, '-md', 'sha256', '-signer', 'signer.pem', '-inkey', 'key.pem'],
        { cwd: dir, input: text },
      );
      assert.equal(signed.subarray(0, 2).toString('hex'), '3080', 'the length is open');
      const step = await begin(signed);
      assert.equal(step.kind, 'proven', step.kind === 'refused' ? step.reason : '');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('refuses a document of another signer, of a short key, or changed behind its signature', async () => {
    const foreign = await newSigner(2_048);
    assert.match(
      await refusal(begin(signedMessage(text, foreign))),
      /no certificate .* has signed/,
    );
    const short = await newSigner(1_024);
    const certificates = [short.certificate];
    assert.match(
      await refusal(begin(signedMessage(text, short), { certificates })),
      /no certificate/,
    );
    const digest = createHash('sha256').update('another').digest();
    const lying = signedMessage(text, signer, { digest });
    assert.match(await refusal(begin(lying)), /digest is not that of the content/);
    const whole = Buffer.from(signedMessage(text, signer));
    const at = whole.indexOf('i-0123456789abcdef0');
    whole[at + 5] = 0x39;
    assert.match(await refusal(begin(whole)), /digest is not that of the content/);
  });

  it('refuses accounts that are not named, and documents that are old or of the future', async () => {
    const signed = signedMessage(text, signer);
    assert.match(
      await refusal(begin(signed, { accounts: ['999999999999'] })),
      /123456789012 is not/,
    );
    const late = { nowMs: startedMs + 3_601_000 };
    assert.match(await refusal(begin(signed, late)), /more than 3600 s ago/);
    const early = { nowMs: startedMs - 301_000 };
    assert.match(await refusal(begin(signed, early)), /in the future/);
    assert.equal((await begin(signed, { nowMs: startedMs + 3_600_000 })).kind, 'proven');
  });

  it('refuses a signed document that lacks what names the instance', async () => {
    for (const name of ['accountId', 'instanceId', 'region', 'imageId', 'pendingTime']) {
      const lacking = JSON.stringify({ ...document, [name]: undefined });
      assert.match(
        await refusal(begin(signedMessage(lacking, signer))),
        /lacks what names it/,
        name,
      );
    }
    for (const instanceId of ['i-1/../x', 7, null, 'I-0123456789ABCDEF0']) {
      const strange = JSON.stringify({ ...document, instanceId });
      assert.match(await refusal(begin(signedMessage(strange, signer))), /lacks what names it/);
    }
    for (const broken of ['', 'null', '"i-1"', '{'])
      assert.match(await refusal(begin(signedMessage(broken, signer))), /lacks what names it/);
  });

  it('refuses without a crash whatever byte of the message changes or is missing', async () => {
    const signed = signedMessage(text, signer);
    for (let at = 0; at < signed.length; at += 1) {
      const changed = Uint8Array.from(signed);
      changed[at] = (changed[at] ?? 0) ^ (1 + (at % 255));
      const step = await begin(changed);
      // The version and who is said to have signed are not looked at: the key says it.
      if (step.kind === 'proven') assert.equal(step.proof.name, document.instanceId);
      await refusal(begin(signed.subarray(0, at)));
    }
  });
});

describe('BER', () => {
  it('of open lengths and strings in pieces is read as the same DER', () => {
    const open = Buffer.from('3080a0802480040161040262630000000002010500000000', 'hex');
    const read = derFromBer(open.subarray(0, -2));
    const octets = write(tag.octetString, Buffer.from('abc'));
    const expected = write(
      tag.sequence,
      write(contextTag(0, true), octets),
      writeUnsigned(Uint8Array.of(5)),
    );
    assert.ok(read.ok, read.ok ? '' : read.error);
    assert.deepEqual(Buffer.from(read.value), Buffer.from(expected));
    assert.ok(!derFromBer(open).ok, 'bytes follow');
  });

  it('leaves DER as it is', () => {
    const der = write(tag.sequence, writeText(tag.utf8String, 'x'.repeat(300)), write(tag.null));
    const read = derFromBer(der);
    assert.ok(read.ok);
    assert.deepEqual(Buffer.from(read.value), Buffer.from(der));
  });

  it('of bottomless nesting or broken lengths is refused', () => {
    assert.ok(!derFromBer(Buffer.alloc(30_000, Buffer.from('3080', 'hex'))).ok);
    assert.ok(!derFromBer(Buffer.alloc(40_000)).ok);
    for (const broken of [
      '',
      '30',
      '3080',
      '0480000000',
      '3084',
      '30840000000100',
      '300300',
      '1f0100',
    ])
      assert.ok(!derFromBer(Buffer.from(broken, 'hex')).ok, broken);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom as random } from '../../src/base/random.ts';
import {
  createIntermediate,
  createRoot,
  createRootKey,
  issueSvid,
  spkiOf,
} from '../../src/identity/ca.ts';
import { fromPem } from '../../src/identity/pem.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';

/** OpenSSL knows no other time than now. */
export const madeAtMs = Date.now();

const trustDomain = 'fuzz.test' as TrustDomain;

/** Certificates that we write and that OpenSSL writes, to be mutated. */
export function seedCertificates(): readonly Uint8Array[] {
  return [...ours(), ...openssls()];
}

function ours(): readonly Uint8Array[] {
  const nowMs = madeAtMs;
  const parts = { trustDomain, nowMs, random };
  const root = createRoot({ ...parts, privateKey: createRootKey(), lifetimeSeconds: 1e9 });
  const below = { ...parts, issuer: root, privateKey: createRootKey(), lifetimeSeconds: 1e7 };
  const intermediate = createIntermediate(below);
  const leaf = issueSvid({
    ca: intermediate,
    spiffeId: workloadId(trustDomain, 'web' as ServiceName),
    publicKeySpki: spkiOf(createRootKey()),
    ttlSeconds: 3_600,
    dnsNames: ['web.fuzz.test'],
    nowMs,
    random,
  });
  return [root.certificateDer, intermediate.certificateDer, leaf.certificateDer];
}

const shapes: readonly (readonly string[])[] = [
  ['-newkey', 'rsa:2048', '-addext', 'subjectAltName=URI:spiffe://fuzz.test/rsa,DNS:a.test'],
  [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ...['-addext', 'keyUsage=critical,keyCertSign'],
  ],
  ['-newkey', 'ed25519', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
  [
    ...['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1,email:a@b.test,RID:1.2.3,otherName:1.2.3;UTF8:x'],
    ...['-addext', 'authorityKeyIdentifier=keyid:always,issuer:always'],
    ...['-addext', 'crlDistributionPoints=URI:http://a.test/crl'],
    ...['-addext', 'certificatePolicies=1.2.3.4'],
  ],
];

/** Of other shapes than ours. */
function openssls(): readonly Uint8Array[] {
  const dir = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const made = shapes.map((args, index) => {
    const file = join(dir, `${index}.pem`);
    const common = ['req', '-x509', '-nodes', '-days', '30', '-subj', '/DC=test/O=Fuzz/CN=x'];
    execFileSync('openssl', [...common, ...args, '-keyout', '/dev/null', '-out', file], {
      stdio: 'ignore',
    });
    const blocks = fromPem('CERTIFICATE', readFileSync(file, 'utf8'));
    return (blocks.ok ? blocks.value[0] : undefined) ?? new Uint8Array();
  });
  rmSync(dir, { recursive: true });
  return made;
}

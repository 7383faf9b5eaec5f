import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import type { Random } from '../base/random.ts';
import type { TrustDomain } from '../model/types.ts';
import { keyId, writeCertificate } from './certificate-write.ts';
import { distinguishedName } from './csr.ts';
import { oid } from './oids.ts';
import { toPem } from './pem.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** A signing CA: its certificate and, in memory only, its key. */
export interface Ca {
  readonly trustDomain: TrustDomain;
  readonly certificateDer: Uint8Array;
  readonly privateKey: KeyObject;
  readonly subject: Uint8Array;
  /** As its certificate names it: what certificates that it signs name as their issuer's. */
  readonly keyId: Uint8Array;
  /** The time in which everything from here to the root is good. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** What goes behind a leaf, DER: this certificate itself unless it is a root (X509-SVID section 3). */
  readonly chainDer: readonly Uint8Array[];
}

export interface IssuedSvid {
  readonly certificateDer: Uint8Array;
  /** Leaf first; the root is not in it (X509-SVID section 3). */
  readonly chainPem: string;
  /** Of the CA that signed it, hex. */
  readonly issuerKeyId: string;
  readonly serialHex: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Clocks of two hosts differ; a certificate is valid a little before it is made. */
export const backdateMs = 10_000;
const serialBytes = 16;
const certSeconds = 1_000;

export function createRootKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** A self-signed root with a subject of its own: many roots of one name exhaust verifiers. */
export function createRoot(given: {
  readonly trustDomain: TrustDomain;
  readonly privateKey: KeyObject;
  readonly nowMs: number;
  readonly lifetimeSeconds: number;
  readonly random: Random;
}): Ca {
  const serial = randomSerial(given.random);
  const subject = caSubject(given.trustDomain, serial);
  const publicKeySpki = spkiOf(given.privateKey);
  const notBeforeMs = wholeSeconds(given.nowMs - backdateMs);
  const notAfterMs = wholeSeconds(given.nowMs + given.lifetimeSeconds * certSeconds);
  const certificateDer = writeCertificate(
    {
      serial,
      issuer: subject,
      subject,
      notBeforeMs,
      notAfterMs,
      publicKeySpki,
      issuerKeyId: keyId(publicKeySpki),
      role: 'ca',
      uri: `spiffe://${given.trustDomain}`,
      dnsNames: [],
    },
    given.privateKey,
  );
  const { trustDomain, privateKey } = given;
  return {
    trustDomain,
    certificateDer,
    privateKey,
    subject,
    keyId: keyId(publicKeySpki),
    notBeforeMs,
    notAfterMs,
    chainDer: [],
  };
}

interface Below {
  readonly issuer: Ca;
  readonly nowMs: number;
  readonly lifetimeSeconds: number;
  readonly random: Random;
}

/** A signing CA below `issuer`, for leaves only. It never outlives its issuer. */
export function createIntermediate(given: Below & { readonly privateKey: KeyObject }): Ca {
  const { issuer, privateKey } = given;
  const { trustDomain } = issuer;
  const publicKeySpki = spkiOf(privateKey);
  const signed = signIntermediate({ ...given, publicKeySpki });
  const chainDer = [signed.certificateDer, ...issuer.chainDer];
  return { trustDomain, privateKey, keyId: keyId(publicKeySpki), chainDer, ...signed };
}

/** The certificate alone, for a key that is elsewhere. */
export function signIntermediate(
  given: Below & { readonly publicKeySpki: Uint8Array },
): Pick<Ca, 'certificateDer' | 'subject' | 'notBeforeMs' | 'notAfterMs'> {
  const { issuer, publicKeySpki, nowMs } = given;
  const serial = randomSerial(given.random);
  const subject = caSubject(issuer.trustDomain, serial);
  const notBeforeMs = wholeSeconds(Math.max(nowMs - backdateMs, issuer.notBeforeMs));
  const wantedMs = wholeSeconds(nowMs + given.lifetimeSeconds * certSeconds);
  const notAfterMs = Math.min(wantedMs, issuer.notAfterMs);
  const certificateDer = writeCertificate(
    {
      ...{ serial, subject, notBeforeMs, notAfterMs, publicKeySpki },
      issuer: issuer.subject,
      issuerKeyId: issuer.keyId,
      role: 'ca',
      pathLength: 0,
      uri: `spiffe://${issuer.trustDomain}`,
      dnsNames: [],
    },
    issuer.privateKey,
  );
  return { certificateDer, subject, notBeforeMs, notAfterMs };
}

/** A name of its own for each CA: many of one name exhaust verifiers. */
export function caSubject(trustDomain: TrustDomain, serial: Uint8Array): Uint8Array {
  return distinguishedName([
    [oid.organization, 'Chancery'],
    [oid.commonName, trustDomain],
    [oid.serialNumber, Buffer.from(serial).toString('hex')],
  ]);
}

const chainPems = new WeakMap<Ca, string>();

function chainPemOf(ca: Ca): string {
  const known = chainPems.get(ca);
  if (known !== undefined) return known;
  const text = ca.chainDer.map((der) => toPem('CERTIFICATE', der)).join('');
  chainPems.set(ca, text);
  return text;
}

/** Signs one leaf. It never outlives its issuer. Times are whole seconds, as certificates hold them. */
export function issueSvid(given: {
  readonly ca: Ca;
  readonly spiffeId: SpiffeId;
  readonly publicKeySpki: Uint8Array;
  readonly ttlSeconds: number;
  readonly dnsNames?: readonly string[];
  readonly nowMs: number;
  readonly random: Random;
}): IssuedSvid {
  const { ca } = given;
  const serial = randomSerial(given.random);
  const notBeforeMs = wholeSeconds(given.nowMs - backdateMs);
  const notAfterMs = wholeSeconds(
    Math.min(given.nowMs + given.ttlSeconds * certSeconds, ca.notAfterMs),
  );
  const certificateDer = writeCertificate(
    {
      serial,
      issuer: ca.subject,
      subject: distinguishedName([[oid.organization, 'Chancery']]),
      notBeforeMs,
      notAfterMs,
      publicKeySpki: given.publicKeySpki,
      issuerKeyId: ca.keyId,
      role: 'leaf',
      uri: given.spiffeId,
      dnsNames: given.dnsNames ?? [],
    },
    ca.privateKey,
  );
  return {
    certificateDer,
    chainPem: toPem('CERTIFICATE', certificateDer) + chainPemOf(ca),
    issuerKeyId: Buffer.from(ca.keyId).toString('hex'),
    serialHex: Buffer.from(serial).toString('hex'),
    notBeforeMs,
    notAfterMs,
  };
}

/** 127 random bits and a leading one: positive, never zero, never shorter. */
export function randomSerial(random: Random): Uint8Array {
  const serial = Uint8Array.from(random.bytes(serialBytes));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function wholeSeconds(atMs: number): number {
  return Math.floor(atMs / certSeconds) * certSeconds;
}

export function spkiOf(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

export function privateKeyFromPkcs8(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
}

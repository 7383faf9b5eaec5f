import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Certificate, readCertificate } from '../../src/identity/certificate-read.ts';
import { keyId } from '../../src/identity/certificate-write.ts';
import { distinguishedName } from '../../src/identity/csr.ts';
import {
  contextTag,
  tag,
  write,
  writeBitString,
  writeOid,
  writeText,
  writeTime,
  writeUnsigned,
} from '../../src/identity/der.ts';
import { oid } from '../../src/identity/oids.ts';

/** Certificates of any shape, good and bad, for tests of whoever reads them: not what the mesh issues. */
export interface Made {
  readonly der: Uint8Array;
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

export type KeyKind = 'p256' | 'p384' | 'p521' | 'rsa' | 'rsa1024' | 'ed25519';

export interface Wanted {
  /** Common name; the empty text makes an empty subject. */
  readonly name: string;
  /** Self-signed when left out. */
  readonly issuer?: Made | undefined;
  /** Signs instead of the issuer's key: a forgery. */
  readonly signer?: KeyObject;
  readonly key?: KeyObject;
  readonly ca?: boolean;
  readonly noConstraints?: boolean;
  readonly pathLength?: number | undefined;
  /** Named bits, bit 0 first; null for no extension. */
  readonly keyUsage?: number | null;
  readonly purposes?: readonly string[];
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly pss?: boolean;
  readonly noKeyIds?: boolean;
  readonly more?: readonly Uint8Array[];
}

export const madeMs = Date.UTC(2026, 5, 1);
const hourMs = 3_600_000;
let serial = 1;

export const usage = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32, crlSign: 64 };

export function newKey(kind: KeyKind = 'p256'): KeyObject {
  switch (kind) {
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    case 'rsa1024':
      return generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    default:
      return generateKeyPairSync('ec', { namedCurve: `P-${kind.slice(1)}` }).privateKey;
  }
}

export function make(wanted: Wanted): Made {
  const { der, key } = makeUnread(wanted);
  const read = readCertificate(der);
  if (!read.ok) throw new Error(`the test made what cannot be read: ${read.error}`);
  return { der, certificate: read.value, key };
}

/** Also what we would not read ourselves, for whoever reads it before us. */
export function makeUnread(wanted: Wanted): Pick<Made, 'der' | 'key'> {
  const key = wanted.key ?? newKey();
  const signer = wanted.signer ?? wanted.issuer?.key ?? key;
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const subject = wanted.name === '' ? write(tag.sequence) : named(wanted.name);
  const algorithm = algorithmOf(signer, wanted.pss === true);
  serial += 1;
  const body = write(
    tag.sequence,
    write(contextTag(0, true), writeUnsigned(Uint8Array.of(2))),
    writeUnsigned(Uint8Array.of(serial >> 16, serial >> 8, serial)),
    algorithm,
    wanted.issuer?.certificate.subject ?? subject,
    write(
      tag.sequence,
      writeTime(wanted.notBeforeMs ?? madeMs - hourMs),
      writeTime(wanted.notAfterMs ?? madeMs + hourMs),
    ),
    subject,
    spki,
    write(contextTag(3, true), write(tag.sequence, ...extensionsOf(wanted, spki))),
  );
  const signature = signed(body, signer, wanted.pss === true);
  return { der: write(tag.sequence, body, algorithm, writeBitString(signature)), key };
}

function named(name: string): Uint8Array {
  return distinguishedName([[oid.commonName, name]]);
}

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [write(tag.boolean, Uint8Array.of(0xff))] : [];
  return write(tag.sequence, writeOid(id), ...flag, write(tag.octetString, value));
}

function extensionsOf(wanted: Wanted, spki: Uint8Array): Uint8Array[] {
  const {
    ca = false,
    pathLength,
    keyUsage = ca ? usage.keyCertSign : usage.digitalSignature,
  } = wanted;
  const length = pathLength === undefined ? [] : [writeUnsigned(Uint8Array.of(pathLength))];
  const constraints = ca ? [write(tag.boolean, Uint8Array.of(0xff)), ...length] : [];
  const names = [
    ...(wanted.uris ?? []).map((uri) => writeText(contextTag(6, false), uri)),
    ...(wanted.dnsNames ?? []).map((name) => writeText(contextTag(2, false), name)),
  ];
  const issuerKeyId = wanted.issuer?.certificate.subjectKeyId ?? keyId(spki);
  const keyIds = [
    extension(oid.subjectKeyIdentifier, false, write(tag.octetString, keyId(spki))),
    extension(
      oid.authorityKeyIdentifier,
      false,
      write(tag.sequence, write(contextTag(0, false), issuerKeyId)),
    ),
  ];
  return [
    ...(wanted.noConstraints === true
      ? []
      : [extension(oid.basicConstraints, true, write(tag.sequence, ...constraints))]),
    ...(keyUsage === null ? [] : [extension(oid.keyUsage, true, namedBits(keyUsage))]),
    ...(wanted.purposes === undefined
      ? []
      : [extension(oid.extKeyUsage, false, write(tag.sequence, ...wanted.purposes.map(writeOid)))]),
    ...(names.length === 0
      ? []
      : [extension(oid.subjectAltName, wanted.name === '', write(tag.sequence, ...names))]),
    ...(wanted.noKeyIds === true ? [] : keyIds),
    ...(wanted.more ?? []),
  ];
}

/** Up to eight bits, the zeros at their end left out. */
function namedBits(bits: number): Uint8Array {
  let byte = 0;
  for (let bit = 0; bit < 8; bit += 1) if ((bits & (1 << bit)) !== 0) byte |= 0x80 >> bit;
  return writeBitString(Uint8Array.of(byte), 31 - Math.clz32(byte & -byte));
}

const pssSaltBytes = 32;

function algorithmOf(key: KeyObject, pss: boolean): Uint8Array {
  const nothing = write(tag.null);
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return write(tag.sequence, writeOid(oid.ed25519));
    case 'ec':
      return write(tag.sequence, writeOid(oid.ecdsaWithSha256));
    default: {
      if (!pss) return write(tag.sequence, writeOid(oid.sha256WithRsa), nothing);
      const hash = write(tag.sequence, writeOid(oid.sha256), nothing);
      const mask = write(tag.sequence, writeOid(oid.mgf1), hash);
      const parameters = write(
        tag.sequence,
        write(contextTag(0, true), hash),
        write(contextTag(1, true), mask),
        write(contextTag(2, true), writeUnsigned(Uint8Array.of(pssSaltBytes))),
      );
      return write(tag.sequence, writeOid(oid.rsaPss), parameters);
    }
  }
}

function signed(body: Uint8Array, key: KeyObject, pss: boolean): Uint8Array {
  if (key.asymmetricKeyType === 'ed25519') return sign(null, body, key);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return pss
    ? sign('sha256', body, { key, padding, saltLength: pssSaltBytes })
    : sign('sha256', body, key);
}

import { createHash, type KeyObject, sign } from 'node:crypto';
import {
  contextTag,
  tag,
  write,
  writeBitString,
  writeOid,
  writeText,
  writeTime,
  writeUnsigned,
} from './der.ts';
import { oid } from './oids.ts';
import { signatureKind } from './signature.ts';

export interface CertificateFields {
  /** Big-endian, positive, 64 random bits at least (X509-SVID; CA/B). */
  readonly serial: Uint8Array;
  /** DER names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeySpki: Uint8Array;
  readonly issuerKeyId: Uint8Array;
  readonly role: 'ca' | 'leaf';
  /** How many CAs may come below this one; any number when left out. */
  readonly pathLength?: number;
  readonly uri: string;
  readonly dnsNames: readonly string[];
}

/** Signs a version 3 certificate (RFC 5280); the extensions follow X509-SVID section 4. Throws for a key that no CA signs with. */
export function writeCertificate(fields: CertificateFields, issuerKey: KeyObject): Uint8Array {
  const kind = signatureKind(issuerKey);
  if (kind === undefined) throw new Error('a key of this kind signs no certificates');
  const { algorithm, digest } = kind;
  const body = write(
    tag.sequence,
    write(contextTag(0, true), writeUnsigned(Uint8Array.of(2))),
    writeUnsigned(fields.serial),
    algorithm,
    fields.issuer,
    write(tag.sequence, writeTime(fields.notBeforeMs), writeTime(fields.notAfterMs)),
    fields.subject,
    fields.publicKeySpki,
    write(contextTag(3, true), write(tag.sequence, ...extensions(fields))),
  );
  return write(tag.sequence, body, algorithm, writeBitString(sign(digest, body, issuerKey)));
}

/** RFC 7093 method 1: the leftmost 160 bits of SHA-256 over the key's bits. */
export function keyId(publicKeySpki: Uint8Array): Uint8Array {
  return createHash('sha256').update(publicKeySpki).digest().subarray(0, 20);
}

function extensions(fields: CertificateFields): Uint8Array[] {
  return [
    ...subjectExtensions(fields),
    extension(
      oid.authorityKeyIdentifier,
      false,
      write(tag.sequence, write(contextTag(0, false), fields.issuerKeyId)),
    ),
  ];
}

type SubjectFields = Pick<
  CertificateFields,
  'role' | 'pathLength' | 'subject' | 'uri' | 'dnsNames' | 'publicKeySpki'
>;

/** What a certificate says of its holder; a request for one asks for the same. */
export function subjectExtensions(fields: SubjectFields): Uint8Array[] {
  const isCa = fields.role === 'ca';
  return [
    ...(isCa ? caExtensions(fields) : leafExtensions),
    // Critical where the subject is empty (RFC 5280 section 4.2.1.6).
    extension(oid.subjectAltName, fields.subject.length === 2, alternativeNames(fields)),
    extension(oid.subjectKeyIdentifier, false, write(tag.octetString, keyId(fields.publicKeySpki))),
  ];
}

function caExtensions(fields: Pick<CertificateFields, 'pathLength'>): readonly Uint8Array[] {
  return [
    extension(oid.basicConstraints, true, write(tag.sequence, ...caValues(fields))),
    extension(oid.keyUsage, true, certSignAndCrlSign),
  ];
}

function caValues({ pathLength }: Pick<CertificateFields, 'pathLength'>): Uint8Array[] {
  if (pathLength === undefined) return [trueValue];
  return [trueValue, writeUnsigned(Uint8Array.of(pathLength))];
}

const trueValue = write(tag.boolean, Uint8Array.of(0xff));
/** Bit 0, counted from the left. */
const digitalSignature = writeBitString(Uint8Array.of(0x80), 7);
/** Bits 5 and 6. */
const certSignAndCrlSign = writeBitString(Uint8Array.of(0x06), 1);

const bothAuths = write(tag.sequence, writeOid(oid.serverAuth), writeOid(oid.clientAuth));

/** The same in every leaf. */
const leafExtensions: readonly Uint8Array[] = [
  extension(oid.basicConstraints, true, write(tag.sequence)),
  extension(oid.keyUsage, true, digitalSignature),
  extension(oid.extKeyUsage, false, bothAuths),
];

function alternativeNames(fields: Pick<CertificateFields, 'uri' | 'dnsNames'>): Uint8Array {
  return write(
    tag.sequence,
    writeText(contextTag(6, false), fields.uri),
    ...fields.dnsNames.map((name) => writeText(contextTag(2, false), name)),
  );
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return write(
    tag.sequence,
    writeOid(id),
    ...(critical ? [trueValue] : []),
    write(tag.octetString, value),
  );
}

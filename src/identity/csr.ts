import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { readName } from './certificate-names.ts';
import { readSequence } from './certificate-parts.ts';
import {
  contextTag,
  type Element,
  isWellFormed,
  readBits,
  readChildren,
  readOne,
  tag,
  write,
  writeBitString,
  writeOid,
  writeText,
  writeUnsigned,
} from './der.ts';
import { oid } from './oids.ts';

/** A PKCS#10 request (RFC 2986) in DER. The name is for people; the issuer decides about the identity. */
export function createCsr(given: {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly commonName: string;
}): Uint8Array {
  return writeCsr({
    privateKey: given.privateKey,
    publicKeySpki: given.publicKey.export({ type: 'spki', format: 'der' }),
    subject: distinguishedName([[oid.commonName, given.commonName]]),
    extensions: [],
  });
}

/** `extensions`: what the certificate is to hold, DER; the issuer takes them or does not (RFC 2985 section 5.4.2). */
export function writeCsr(given: {
  readonly privateKey: KeyObject;
  readonly publicKeySpki: Uint8Array;
  readonly subject: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}): Uint8Array {
  const { extensions } = given;
  const wanted = write(tag.set, write(tag.sequence, ...extensions));
  const request = write(tag.sequence, writeOid(oid.extensionRequest), wanted);
  const info = write(
    tag.sequence,
    writeUnsigned(Uint8Array.of(0)),
    given.subject,
    given.publicKeySpki,
    write(contextTag(0, true), ...(extensions.length === 0 ? [] : [request])),
  );
  const signature = sign('sha256', info, given.privateKey);
  return write(tag.sequence, info, signatureAlgorithm(), writeBitString(signature));
}

/** Checks the request's own signature: whoever asks holds the key. Only P-256 is taken. */
export function readCsr(der: Uint8Array): Result<{ readonly publicKeySpki: Uint8Array }, string> {
  const outer = readOne(der);
  if (!outer.ok) return outer;
  const parts = readChildren(outer.value);
  if (!parts.ok) return parts;
  const [info, algorithm, signature] = parts.value;
  if (outer.value.tag !== tag.sequence || parts.value.length !== 3) {
    return err('a request is a sequence of three parts');
  }
  if (info === undefined || algorithm === undefined || signature === undefined) {
    return err('a part of the request is missing');
  }
  if (Buffer.compare(algorithm.whole, signatureAlgorithm()) !== 0)
    return err('the signature is not ecdsa-with-SHA256');
  const bits = readBits(signature);
  if (!bits.ok) return bits;
  if (bits.value.unused !== 0) return err('a signature is whole bytes');
  const fields = readSequence(info);
  if (!fields.ok) return fields;
  const [version, subject, spki, attributes, ...others] = fields.value;
  if (version === undefined || Buffer.from(version.whole).toString('hex') !== '020100') {
    return err('not a request of version 1');
  }
  if (subject === undefined || !readName(subject).ok) {
    return err('the request has no name');
  }
  if (attributes?.tag !== contextTag(0, true) || others.length > 0) {
    return err('a request ends with its attributes');
  }
  if (!areAttributes(attributes)) return err('an attribute of the request is broken');
  if (spki === undefined) return err('the request has no public key');
  const key = p256Key(spki.whole);
  if (!key.ok) return key;
  return verify('sha256', info.whole, key.value, bits.value.bytes)
    ? ok({ publicKeySpki: spki.whole })
    : err('the signature does not fit the key');
}

/** What they say is not looked at, as the issuer decides; each is an identifier and a set of values. */
function areAttributes(holder: Element): boolean {
  const attributes = readChildren(holder);
  if (!attributes.ok || !isWellFormed(holder)) return false;
  return attributes.value.every((attribute) => {
    const parts = readSequence(attribute);
    const [type, values, ...others] = parts.ok ? parts.value : [];
    const isSet = values?.tag === tag.set && values.content.length > 0;
    return type?.tag === tag.oid && isSet && others.length === 0;
  });
}

/** SubjectPublicKeyInfo up to the point: ecPublicKey, prime256v1, 66 bytes of bits, uncompressed (RFC 5480). */
const p256Head = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');

export function p256Key(spkiDer: Uint8Array): Result<KeyObject, string> {
  try {
    // An uncompressed point on P-256 has one encoding: its head says the curve, without asking the key.
    if (!Buffer.from(p256Head).equals(spkiDer.subarray(0, p256Head.length))) {
      return err('the key is not on P-256');
    }
    return ok(createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' }));
  } catch {
    return err('the public key cannot be read');
  }
}

export function signatureAlgorithm(): Uint8Array {
  return write(tag.sequence, writeOid(oid.ecdsaWithSha256));
}

/** One attribute in each relative name. */
export function distinguishedName(attributes: readonly (readonly [string, string])[]): Uint8Array {
  return write(
    tag.sequence,
    ...attributes.map(([type, value]) =>
      write(tag.set, write(tag.sequence, writeOid(type), writeText(tag.utf8String, value))),
    ),
  );
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';
import { readSequence } from '../certificate-parts.ts';
import { contextTag, type Element, readChildren, readOid, readOne, tag } from '../der.ts';
import { oid } from '../oids.ts';
import { derFromBer } from './ber.ts';

/** A signed message (CMS SignedData, RFC 5652) whose digest holds; whether the signature does is for who has the key. */
export interface SignedMessage {
  readonly content: Uint8Array;
  /** What the signature is over: the signed attributes, or the content where there are none. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Data in the message itself, one signer, SHA-256 with RSA (PKCS#1 v1.5). The certificates in it are not looked at. */
export function readSignedMessage(bytes: Uint8Array): Result<SignedMessage, string> {
  const der = derFromBer(bytes);
  if (!der.ok) return der;
  const parts = signedDataOf(der.value);
  if (parts === undefined) return err('not a signed message of PKCS#7');
  const content = contentOf(parts[2]);
  const signer = signerOf(parts.at(-1));
  if (content === undefined) return err('the message does not hold what it signs');
  if (signer === undefined) return err('not one signature by SHA-256 and RSA');
  const { attributes, signature } = signer;
  if (attributes === undefined) return ok({ content, signed: content, signature });
  return attributesFit(attributes, content)
    ? ok({ content, signed: asSet(attributes), signature })
    : err('the signed digest is not that of the content');
}

/** Version, digest algorithms, content, certificates and revocations where there are any, signers. */
function signedDataOf(der: Uint8Array): readonly Element[] | undefined {
  const outer = partsOf(readOne(der));
  const [type, holder] = outer ?? [];
  if (outer?.length !== 2 || !isOid(type, oid.cmsSignedData)) return undefined;
  const parts = partsOf(only(holder, contextTag(0, true)));
  if (parts === undefined || parts.length < 4) return undefined;
  const between = parts.slice(3, -1).every((part) => (part.tag & 0xe0) === contextTag(0, true));
  return between ? parts : undefined;
}

function contentOf(element: Element | undefined): Uint8Array | undefined {
  const [type, holder, ...others] = sequenceOf(element) ?? [];
  const octets = only(holder, contextTag(0, true));
  if (!isOid(type, oid.cmsData) || others.length > 0) return undefined;
  return octets.ok && octets.value.tag === tag.octetString ? octets.value.content : undefined;
}

interface Signer {
  /** `[0]`, as it stands there. */
  readonly attributes: Element | undefined;
  readonly signature: Uint8Array;
}

const signatureNames: readonly string[] = [oid.rsaEncryption, oid.sha256WithRsa];

/** Version, who signs, digest algorithm, signed attributes or none, signature algorithm, signature. */
function signerOf(element: Element | undefined): Signer | undefined {
  const info = only(element, tag.set);
  const parts = info.ok ? (sequenceOf(info.value) ?? []) : [];
  const [, , digest, fourth] = parts;
  const attributes = fourth?.tag === contextTag(0, true) ? fourth : undefined;
  const [algorithm, signature, ...others] = parts.slice(attributes === undefined ? 3 : 4);
  const name = algorithmOf(algorithm);
  if (algorithmOf(digest) !== oid.sha256 || name === undefined) return undefined;
  if (!signatureNames.includes(name) || others.length > 0) return undefined;
  return signature?.tag === tag.octetString
    ? { attributes, signature: signature.content }
    : undefined;
}

/** Both attributes that must be there, once each (RFC 5652 section 11). */
function attributesFit(attributes: Element, content: Uint8Array): boolean {
  const list = readChildren(attributes);
  const attributeOf = (name: string): Element | undefined => {
    const named = (list.ok ? list.value : []).flatMap((item) => {
      const [type, values, ...others] = sequenceOf(item) ?? [];
      return isOid(type, name) && others.length === 0 && values !== undefined ? [values] : [];
    });
    const value = named.length === 1 ? only(named[0], tag.set) : err('');
    return value.ok ? value.value : undefined;
  };
  const digest = attributeOf(oid.cmsMessageDigest);
  const expected = createHash('sha256').update(content).digest();
  if (digest?.tag !== tag.octetString || digest.content.length !== expected.length) return false;
  return (
    timingSafeEqual(digest.content, expected) && isOid(attributeOf(oid.cmsContentType), oid.cmsData)
  );
}

/** Signed attributes are signed as the SET that they are, not under the tag that they stand under (RFC 5652 section 5.4). */
function asSet(attributes: Element): Uint8Array {
  const bytes = Uint8Array.from(attributes.whole);
  bytes[0] = tag.set;
  return bytes;
}

/** The one element inside of an element of that tag. */
function only(holder: Element | undefined, tagByte: number): Result<Element, string> {
  const children = holder?.tag === tagByte ? readChildren(holder) : err('another element');
  const [child, ...others] = children.ok ? children.value : [];
  return child === undefined || others.length > 0 ? err('not one element') : ok(child);
}

function partsOf(element: Result<Element, string>): readonly Element[] | undefined {
  return element.ok ? sequenceOf(element.value) : undefined;
}

function sequenceOf(element: Element | undefined): readonly Element[] | undefined {
  const parts = element === undefined ? err('missing') : readSequence(element);
  return parts.ok ? parts.value : undefined;
}

function algorithmOf(element: Element | undefined): string | undefined {
  const [name] = sequenceOf(element) ?? [];
  const read = name === undefined ? err('missing') : readOid(name);
  return read.ok ? read.value : undefined;
}

function isOid(element: Element | undefined, wanted: string): boolean {
  const read = element === undefined ? err('missing') : readOid(element);
  return read.ok && read.value === wanted;
}

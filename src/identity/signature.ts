import type { KeyObject } from 'node:crypto';
import { tag, write, writeOid } from './der.ts';
import { oid } from './oids.ts';

/** How a key signs certificates: what they name, and the digest. */
interface SignatureKind {
  readonly algorithm: Uint8Array;
  readonly digest: 'sha256' | 'sha384' | 'sha512';
}

const nothing = write(tag.null);
const p256 = ecdsa(oid.ecdsaWithSha256, 'sha256');
const byCurve: Readonly<Record<string, SignatureKind>> = {
  prime256v1: p256,
  secp384r1: ecdsa(oid.ecdsaWithSha384, 'sha384'),
};
const rsa: SignatureKind = {
  // RFC 4055 section 5: the parameters of RSA are there, and null.
  algorithm: write(tag.sequence, writeOid(oid.sha256WithRsa), nothing),
  digest: 'sha256',
};

/** What a shorter RSA key signs is refused by the TLS of proxies and clients. */
const rsaBitsMin = 2_048;

const known = new WeakMap<KeyObject, SignatureKind>();

/** Undefined: no CA signs with such a key here (P-256, P-384, or RSA of 2,048 bits and more). */
export function signatureKind(key: KeyObject): SignatureKind | undefined {
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  const kind = kindOf(key);
  if (kind !== undefined) known.set(key, kind);
  return kind;
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SignatureKind | undefined {
  if (asymmetricKeyType === 'ec') return byCurve[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType !== 'rsa') return undefined;
  return (asymmetricKeyDetails?.modulusLength ?? 0) >= rsaBitsMin ? rsa : undefined;
}

function ecdsa(id: string, digest: SignatureKind['digest']): SignatureKind {
  return { algorithm: write(tag.sequence, writeOid(id)), digest };
}

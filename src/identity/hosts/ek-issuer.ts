import { err, ok, type Result } from '../../base/result.ts';
import { readSequence } from '../certificate-parts.ts';
import { buildPath } from '../certificate-path.ts';
import { type Certificate, readCertificate } from '../certificate-read.ts';
import { type Element, readOid, readOne, tag, write, writeOid } from '../der.ts';
import { oid } from '../oids.ts';
import type { TpmPublic } from './tpm-public.ts';

/**
 * Which root vouches for an endorsement key: its certificate is first in `chain`, DER, and what lies between follows in any
 * order. In words for the operator when none does.
 */
export function ekIssuer(
  chain: readonly Uint8Array[],
  given: {
    readonly ek: TpmPublic;
    readonly roots: readonly Certificate[];
    readonly nowMs: number;
  },
): Result<Certificate, string> {
  const [own, ...others] = chain;
  if (own === undefined) return err('its TPM holds no certificate of its endorsement key');
  const leaf = readEkCertificate(own);
  if (!leaf.ok) return err(`the certificate of its endorsement key: ${leaf.error}`);
  const problem = leafProblem(leaf.value, given.ek);
  if (problem !== undefined) return err(problem);
  const intermediates: Certificate[] = [];
  for (const der of others) {
    const read = readCertificate(der);
    if (!read.ok) return err(`a certificate above that of its endorsement key: ${read.error}`);
    intermediates.push(read.value);
  }
  const { roots, nowMs } = given;
  const path = buildPath({ leaf: leaf.value, intermediates, roots, nowMs });
  return path.ok ? ok(path.value.at(-1) ?? leaf.value) : path;
}

/** A maker's CA also certifies other things: only what is made for this purpose names a TPM. */
function leafProblem(leaf: Certificate, ek: TpmPublic): string | undefined {
  if (Buffer.compare(leaf.publicKeySpki, ek.spki) !== 0)
    return 'the certificate of its TPM is that of another key';
  return leaf.isCa || leaf.extKeyUsage?.includes(oid.ekCertificate) !== true
    ? 'the certificate of its TPM is not that of an endorsement key'
    : undefined;
}

/**
 * Some makers write in the certificate that the key is for OAEP (RFC 4055), which says nothing new of an endorsement key and
 * which no reader of keys takes. It is read as the plain RSA key that it is; what is signed stays what it was.
 */
function readEkCertificate(der: Uint8Array): Result<Certificate, string> {
  const plain = withPlainKey(der);
  if (plain === undefined) return readCertificate(der);
  const read = readCertificate(plain.der);
  return read.ok ? ok({ ...read.value, der, tbs: plain.signed }) : read;
}

/** Position of SubjectPublicKeyInfo behind version, serial, algorithm, issuer, validity and subject. */
const spkiIndex = 6;
const plainRsa = write(tag.sequence, writeOid(oid.rsaEncryption), write(tag.null));

/** Undefined for a certificate of any other kind of key. */
function withPlainKey(
  der: Uint8Array,
): { readonly der: Uint8Array; readonly signed: Uint8Array } | undefined {
  const outer = readOne(der);
  const [tbs, ...rest] = outer.ok ? partsOf(outer.value) : [];
  const fields = partsOf(tbs);
  const [algorithm, key] = partsOf(fields[spkiIndex]);
  const [name] = partsOf(algorithm);
  const id = name === undefined ? undefined : readOid(name);
  if (tbs === undefined || key === undefined || id?.ok !== true) return undefined;
  if (id.value !== oid.rsaesOaep) return undefined;
  const spki = write(tag.sequence, plainRsa, key.whole);
  const parts = fields.map((field, index) => (index === spkiIndex ? spki : field.whole));
  const plain = write(tag.sequence, ...parts);
  const whole = write(tag.sequence, plain, ...rest.map((part) => part.whole));
  return { der: whole, signed: tbs.whole };
}

function partsOf(element: Element | undefined): readonly Element[] {
  const parts = element === undefined ? err('missing') : readSequence(element);
  return parts.ok ? parts.value : [];
}

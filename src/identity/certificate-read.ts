import { err, ok, type Result } from '../base/result.ts';
import { type Meaning, readExtensions } from './certificate-extensions.ts';
import { readName } from './certificate-names.ts';
import { readSequence, serialProblem } from './certificate-parts.ts';
import { contextTag, type Element, readBits, readOne, readTime } from './der.ts';
import { spkiProblem } from './public-key.ts';
import { signatureAlgorithmProblem } from './signature-scheme.ts';

/** What a certificate says; nothing in it is trusted yet. */
export interface Certificate extends Meaning {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** AlgorithmIdentifier, DER. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  readonly serialHex: string;
  /** DER names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeySpki: Uint8Array;
}

/** Strict: what is not plain RFC 5280 version 3, or critical and not understood, is refused. Never throws. */
export function readCertificate(der: Uint8Array): Result<Certificate, string> {
  const outer = readOne(der);
  if (!outer.ok) return outer;
  const parts = readSequence(outer.value);
  if (!parts.ok) return parts;
  const [tbs, algorithm, signature, ...others] = parts.value;
  if (tbs === undefined || algorithm === undefined || signature === undefined) {
    return err('a certificate has three parts');
  }
  if (others.length > 0) return err('a certificate has three parts');
  const algorithmProblem = signatureAlgorithmProblem(algorithm);
  if (algorithmProblem !== undefined) return err(algorithmProblem);
  const bits = readBits(signature);
  if (!bits.ok) return bits;
  if (bits.value.unused !== 0) return err('a signature is whole bytes');
  const signed = readSigned(tbs, algorithm);
  if (!signed.ok) return signed;
  return ok({
    der,
    tbs: tbs.whole,
    signatureAlgorithm: algorithm.whole,
    signature: bits.value.bytes,
    ...signed.value,
  });
}

type Signed = Omit<Certificate, 'der' | 'tbs' | 'signatureAlgorithm' | 'signature'>;

function readSigned(tbs: Element, algorithm: Element): Result<Signed, string> {
  const fields = readSequence(tbs);
  if (!fields.ok) return fields;
  const [version, serial, inner, issuer, validity, subject, spki, ...rest] = fields.value;
  if (
    version?.tag !== contextTag(0, true) ||
    Buffer.from(version.content).toString('hex') !== '020102'
  ) {
    return err('not a version 3 certificate');
  }
  if (serial === undefined || issuer === undefined || subject === undefined || spki === undefined) {
    return err('a field of the certificate is missing');
  }
  const shape =
    serialProblem(serial) ?? nameProblem(issuer) ?? nameProblem(subject) ?? spkiProblem(spki);
  if (shape !== undefined) return err(shape);
  if (inner === undefined || Buffer.compare(inner.whole, algorithm.whole) !== 0) {
    return err('the two signature algorithms differ');
  }
  const times = readValidity(validity);
  if (!times.ok) return times;
  const meaning = readExtensions(rest);
  if (!meaning.ok) return meaning;
  return ok({
    serialHex: Buffer.from(serial.content).toString('hex'),
    issuer: issuer.whole,
    subject: subject.whole,
    publicKeySpki: spki.whole,
    ...times.value,
    ...meaning.value,
  });
}

function nameProblem(element: Element): string | undefined {
  const name = readName(element);
  return name.ok ? undefined : name.error;
}

function readValidity(
  element: Element | undefined,
): Result<Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>, string> {
  const times = element === undefined ? err('no validity') : readSequence(element);
  if (!times.ok) return times;
  const [first, second, ...others] = times.value;
  if (first === undefined || second === undefined || others.length > 0) {
    return err('a validity is two times');
  }
  const notBefore = readTime(first);
  if (!notBefore.ok) return notBefore;
  const notAfter = readTime(second);
  if (!notAfter.ok) return notAfter;
  return ok({ notBeforeMs: notBefore.value, notAfterMs: notAfter.value });
}

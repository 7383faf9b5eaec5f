import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { nameText } from './certificate-names.ts';
import type { Certificate } from './certificate-read.ts';
import { type SignatureScheme, signatureScheme } from './signature-scheme.ts';

interface PathLimits {
  /** CAs between the leaf and its root. */
  readonly intermediatesMax: number;
  /** Certificates that came with the leaf; more are refused before any is looked at. */
  readonly sentMax: number;
  /** Many certificates of one subject make a builder try them all: it stops here. */
  readonly signatureChecksMax: number;
  /** Shorter keys are broken by machines (NIST SP 800-57); longer ones only cost whoever checks. */
  readonly rsaBitsMin: number;
  readonly rsaBitsMax: number;
}

export const pathLimits: PathLimits = {
  intermediatesMax: 4,
  sentMax: 16,
  signatureChecksMax: 64,
  rsaBitsMin: 2_048,
  rsaBitsMax: 8_192,
};

interface PathRequest {
  readonly leaf: Certificate;
  /** As they were sent, in any order; a root among them is trusted no more than the others. */
  readonly intermediates: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly nowMs: number;
  readonly limits?: PathLimits;
}

/** The leaf first, the root last. */
export type CertificatePath = readonly [leaf: Certificate, ...issuers: Certificate[]];

/** Bit 5 of key usage. */
const keyCertSign = 1 << 5;

interface Search extends PathRequest {
  readonly limits: PathLimits;
  checks: number;
  /** Of the path that came furthest: what to tell of the many that did not fit. */
  problem: Problem;
}

interface Problem {
  readonly depth: number;
  readonly text: string;
}

const noProblem: Problem = { depth: 0, text: 'no path was found' };

/**
 * Finds a path from the leaf to one of the roots (RFC 5280 section 6): each certificate signed by the next, all of
 * them valid now, all above the leaf CAs that may sign certificates and that allow as many CAs below them. Whether the
 * leaf is good for a purpose is for the caller. Policies are not looked at, as with an initial policy of "any"; name
 * constraints are not evaluated, and so refused. Errors: in words, of the path that came furthest.
 */
export function buildPath(request: PathRequest): Result<CertificatePath, string> {
  const limits = request.limits ?? pathLimits;
  if (request.intermediates.length > limits.sentMax) {
    return err(`more than ${limits.sentMax} certificates came with the leaf`);
  }
  const { leaf, roots, nowMs } = request;
  const problem = timeProblem(leaf, nowMs) ?? keyProblem(leaf, limits);
  if (problem !== undefined) return err(problem);
  const isRoot = (one: Certificate): boolean => roots.some((root) => isSame(root, one));
  const intermediates = request.intermediates.filter((one) => !isRoot(one));
  const search: Search = { ...request, intermediates, limits, checks: 0, problem: noProblem };
  const path = extend(search, [leaf]);
  return path === undefined ? err(search.problem.text) : ok(path);
}

/** Depth first; each step down costs a signature check, so that their limit bounds the whole search. */
function extend(search: Search, path: CertificatePath): CertificatePath | undefined {
  const roots = issuersOf(path, search.roots);
  for (const root of roots) {
    if (fits(search, path, root, 'root')) return [...path, root];
  }
  const issuers = issuersOf(path, search.intermediates);
  if (roots.length + issuers.length === 0) {
    const { issuer, subject } = path.at(-1) ?? path[0];
    const name = nameText(issuer);
    return note(
      search,
      path,
      `${nameText(subject)} was issued by ${name}, which is no root here and was not sent`,
    );
  }
  for (const issuer of issuers) {
    if (path.length > search.limits.intermediatesMax) {
      return note(search, path, `more than ${search.limits.intermediatesMax} intermediates`);
    }
    const found = fits(search, path, issuer, 'sent')
      ? extend(search, [...path, issuer])
      : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function note(search: Search, path: CertificatePath, text: string): undefined {
  if (path.length > search.problem.depth) search.problem = { depth: path.length, text };
  return undefined;
}

/** By name; those first whose key identifier is the one that the certificate asks for (RFC 5280 section 4.2.1.1: only a hint). */
function issuersOf(
  path: CertificatePath,
  candidates: readonly Certificate[],
): readonly Certificate[] {
  const last = path.at(-1) ?? path[0];
  const rank = ({ subjectKeyId }: Certificate): number =>
    subjectKeyId === undefined || last.authorityKeyId === undefined
      ? 1
      : Buffer.compare(subjectKeyId, last.authorityKeyId) === 0
        ? 0
        : 2;
  return candidates
    .filter((one) => Buffer.compare(one.subject, last.issuer) === 0)
    .sort((a, b) => rank(a) - rank(b));
}

/** What is cheap comes before the signature. */
function fits(
  search: Search,
  path: CertificatePath,
  issuer: Certificate,
  place: IssuerPlace,
): boolean {
  const last = path.at(-1) ?? path[0];
  const { limits, nowMs } = search;
  const problem =
    (path.some((one) => isTwin(one, issuer)) ? 'the certificates issue each other' : undefined) ??
    timeProblem(issuer, nowMs) ??
    caProblem(issuer, path, place) ??
    keyProblem(issuer, limits) ??
    signatureProblem(search, last, issuer);
  if (problem !== undefined) note(search, path, problem);
  return problem === undefined;
}

function isSame(a: Certificate, b: Certificate): boolean {
  return Buffer.compare(a.der, b.der) === 0;
}

/** One CA under two certificates is one CA: a path that meets it twice goes round. */
function isTwin(a: Certificate, b: Certificate): boolean {
  return (
    Buffer.compare(a.publicKeySpki, b.publicKeySpki) === 0 &&
    Buffer.compare(a.subject, b.subject) === 0
  );
}

function timeProblem(certificate: Certificate, nowMs: number): string | undefined {
  const { subject, notBeforeMs, notAfterMs } = certificate;
  if (nowMs < notBeforeMs) {
    return `the certificate of ${nameText(subject)} is valid only from ${isoTime(notBeforeMs)}`;
  }
  return nowMs > notAfterMs
    ? `the certificate of ${nameText(subject)} ended at ${isoTime(notAfterMs)}`
    : undefined;
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Why a certificate cannot stand above `path`. */
function caProblem(
  issuer: Certificate,
  path: CertificatePath,
  place: IssuerPlace,
): string | undefined {
  const problem = issuerProblem(issuer, place);
  if (problem !== undefined) return problem;
  const { pathLength, subject } = issuer;
  // CAs that renewed themselves do not count (RFC 5280 section 6.1.4 (l)).
  const below = path.slice(1).filter((one) => Buffer.compare(one.subject, one.issuer) !== 0);
  return pathLength !== undefined && below.length > pathLength
    ? `${nameText(subject)} allows ${pathLength} CAs below it, and ${below.length} follow`
    : undefined;
}

/** Whether an operator named it as a root, or it came along. */
type IssuerPlace = 'root' | 'sent';

/**
 * Why no certificate can hang on this one, whatever stands below it. A root that an operator named may be silent about its
 * key usage, as many old ones are: what is trusted is its name and key (RFC 5280 section 6.1.1 (d)).
 */
export function issuerProblem(issuer: Certificate, place: IssuerPlace): string | undefined {
  const name = nameText(issuer.subject);
  if (!issuer.isCa) return `${name} is no CA`;
  const isSilent = issuer.keyUsage === undefined && place === 'root';
  if (!isSilent && ((issuer.keyUsage?.bits ?? 0) & keyCertSign) === 0) {
    return `the key usage of ${name} does not hold keyCertSign`;
  }
  return issuer.hasNameConstraints
    ? `${name} has name constraints, which are not evaluated here`
    : undefined;
}

/** Why a key is not taken: RSA of other lengths than the limits; the reader knows all other kinds. */
export function keyProblem(
  certificate: Certificate,
  limits: PathLimits = pathLimits,
): string | undefined {
  const bits = keyOf(certificate).asymmetricKeyDetails?.modulusLength;
  if (bits === undefined || (bits >= limits.rsaBitsMin && bits <= limits.rsaBitsMax)) {
    return undefined;
  }
  const { rsaBitsMin, rsaBitsMax } = limits;
  return `the RSA key of ${nameText(certificate.subject)} has ${bits} bits, not ${rsaBitsMin} to ${rsaBitsMax}`;
}

/** The reader made sure that it is one. */
function keyOf({ publicKeySpki }: Certificate): KeyObject {
  return createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
}

function signatureProblem(
  search: Search,
  certificate: Certificate,
  issuer: Certificate,
): string | undefined {
  const name = nameText(certificate.subject);
  const scheme = signatureScheme(certificate.signatureAlgorithm);
  if (scheme === undefined)
    return `the certificate of ${name} is signed in a way that is not taken`;
  const { signatureChecksMax } = search.limits;
  if (search.checks >= signatureChecksMax) {
    const text = `no path was found within ${signatureChecksMax} signature checks`;
    search.problem = { depth: Number.POSITIVE_INFINITY, text };
    return text;
  }
  search.checks += 1;
  return isSigned(certificate.tbs, scheme, keyOf(issuer), certificate.signature)
    ? undefined
    : `the signature on the certificate of ${name} is not by the key of ${nameText(issuer.subject)}`;
}

const keyTypes: Readonly<Record<SignatureScheme['kind'], string>> = {
  ecdsa: 'ec',
  'rsa-pkcs1': 'rsa',
  'rsa-pss': 'rsa',
  ed25519: 'ed25519',
};

function isSigned(
  data: Uint8Array,
  scheme: SignatureScheme,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  if (key.asymmetricKeyType !== keyTypes[scheme.kind]) return false;
  try {
    switch (scheme.kind) {
      case 'ed25519':
        return verify(null, data, key, signature);
      case 'rsa-pss': {
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        return verify(scheme.hash, data, { key, padding, saltLength: scheme.saltBytes }, signature);
      }
      default:
        return verify(scheme.hash, data, key, signature);
    }
  } catch {
    // Parameters that do not go with the key, such as a salt that is longer than it.
    return false;
  }
}

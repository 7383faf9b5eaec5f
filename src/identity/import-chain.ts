import { createPublicKey, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { spanText, timeText } from '../base/time-text.ts';
import type { TrustDomain } from '../model/types.ts';
import { nameText } from './certificate-names.ts';
import { keyProblem } from './certificate-path.ts';
import { type Certificate, readCertificate } from './certificate-read.ts';
import { oid } from './oids.ts';
import { signatureScheme } from './signature-scheme.ts';

/** Certificates as they came, DER, in any order. */
export interface CaChain {
  readonly certificatesDer: readonly Uint8Array[];
  /** What it may end in; only what is self-signed among them is a root. */
  readonly rootsDer: readonly Uint8Array[];
}

export interface ChainRules {
  readonly trustDomain: TrustDomain;
  /** The key that is to sign, SubjectPublicKeyInfo. */
  readonly publicKeySpki: Uint8Array;
  readonly nowMs: number;
  /** What ends sooner is not worth a rotation. */
  readonly leftMsMin: number;
}

interface CheckedChain {
  /** The certificate of our key first, without the root. */
  readonly chainDer: readonly Uint8Array[];
  readonly rootDer: Uint8Array;
}

/** Ours, and what is between it and the root; companies have one or two. */
const chainMax = 5;
const certificatesMax = 16;
const rootsMax = 32;

/** Checks a chain for a key that is to sign leaves. Errors: each problem as a sentence of its own. */
export function checkChain(
  chain: CaChain,
  rules: ChainRules,
): Result<CheckedChain, readonly string[]> {
  if (chain.certificatesDer.length > certificatesMax || chain.rootsDer.length > rootsMax) {
    return err([`there are more than ${certificatesMax} certificates or ${rootsMax} roots`]);
  }
  const given = readAll(chain.certificatesDer, 'of the chain');
  const roots = readAll(chain.rootsDer, 'of the roots');
  const unread = [...given.problems, ...roots.problems];
  if (unread.length > 0) return err(unread);
  const own = given.certificates.find(({ publicKeySpki }) =>
    Buffer.from(publicKeySpki).equals(rules.publicKeySpki),
  );
  if (own === undefined) return err([noneOfOurKey(given.certificates)]);
  const ends = roots.certificates.filter(isSelfSigned);
  const path = pathOf(own, given.certificates, ends);
  const pathProblems = path.ok ? wholePathProblems(path.value, rules) : [path.error];
  const problems = [...ownProblems(own, rules), ...pathProblems];
  if (problems.length > 0 || !path.ok) return err(problems);
  const { chain: certificates, root } = path.value;
  return ok({ chainDer: certificates.map(({ der }) => der), rootDer: root.der });
}

function readAll(
  ders: readonly Uint8Array[],
  where: string,
): { readonly certificates: readonly Certificate[]; readonly problems: readonly string[] } {
  const certificates: Certificate[] = [];
  const problems: string[] = [];
  for (const [index, der] of ders.entries()) {
    const read = readCertificate(der);
    if (read.ok) certificates.push(read.value);
    else problems.push(`certificate ${index + 1} ${where} cannot be read: ${read.error}`);
  }
  return { certificates, problems };
}

function noneOfOurKey(certificates: readonly Certificate[]): string {
  if (certificates.length === 0) return 'there is no certificate in the chain';
  const names = certificates.map(nameOf).join('; ');
  return `none of the certificates is for the key that was asked for (found: ${names})`;
}

interface Path {
  readonly chain: readonly Certificate[];
  readonly root: Certificate;
}

/** From our certificate to one of `ends`, by names and signatures. */
function pathOf(
  own: Certificate,
  certificates: readonly Certificate[],
  ends: readonly Certificate[],
): Result<Path, string> {
  if (isSelfSigned(own))
    return err('the certificate is self-signed: it must be signed by the root');
  const chain: Certificate[] = [];
  for (let last = own; chain.length < chainMax; ) {
    chain.push(last);
    const root = ends.find((end) => isIssuedBy(last, end));
    if (root !== undefined) return ok({ chain, root });
    const issuer = certificates.find(
      (one) => !chain.includes(one) && !isSelfSigned(one) && isIssuedBy(last, one),
    );
    if (issuer === undefined) {
      const wanted =
        ends.length === 0 ? 'no self-signed root is given, and' : 'it does not chain to the root:';
      return err(`${wanted} no certificate is there that signed "${nameOf(last)}"`);
    }
    last = issuer;
  }
  return err(`the chain is longer than ${chainMax} certificates`);
}

function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (!Buffer.from(certificate.issuer).equals(issuer.subject)) return false;
  try {
    return new X509Certificate(certificate.der).verify(keyOf(issuer));
  } catch {
    return false;
  }
}

export function isSelfSigned(certificate: Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

function keyOf({ publicKeySpki }: Certificate) {
  return createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
}

/** What must hold of the certificate of our key alone. */
function ownProblems(own: Certificate, { trustDomain }: ChainRules): string[] {
  const id = `spiffe://${trustDomain}`;
  const found = own.uriSans.join(', ');
  return [
    ...(own.uriSans.length > 1 || own.uriSans.some((uri) => uri !== id)
      ? [`its URI name is "${found}"; a CA of this mesh has "${id}" or none`]
      : []),
    ...(own.subjectKeyId === undefined
      ? ['it does not name its key (subjectKeyIdentifier is missing)']
      : []),
  ];
}

function wholePathProblems({ chain, root }: Path, rules: ChainRules): string[] {
  return [
    ...chain.flatMap((certificate, below) => [
      ...signerProblems(certificate, rules.nowMs),
      ...purposeProblems(certificate),
      ...lengthProblems(certificate, below),
      ...signatureProblems(certificate),
    ]),
    ...signerProblems(root, rules.nowMs, 'the root'),
    ...lengthProblems(root, chain.length),
    ...endProblems([...chain, root], rules),
  ];
}

/** Our certificate is good only as long as all above it. */
function endProblems(
  path: readonly Certificate[],
  { nowMs, leftMsMin }: Pick<ChainRules, 'nowMs' | 'leftMsMin'>,
): string[] {
  const first = path.reduce((a, b) => (a.notAfterMs <= b.notAfterMs ? a : b));
  const leftMs = first.notAfterMs - nowMs;
  if (leftMs <= 0 || leftMs >= leftMsMin) return [];
  const end = timeText(first.notAfterMs);
  return [`"${nameOf(first)}" ends at ${end}; at least ${spanText(leftMsMin)} must be left`];
}

const keyCertSign = 1 << 5;

/** What must hold of everything that signs. */
function signerProblems(
  certificate: Certificate,
  nowMs: number,
  which: 'a CA' | 'the root' = 'a CA',
): string[] {
  const { isCa, keyUsage, hasNameConstraints, notBeforeMs, notAfterMs } = certificate;
  const name = nameOf(certificate);
  return [
    ...(isCa ? [] : [`"${name}" is not a CA (basicConstraints without cA)`]),
    // A root is trusted by itself; old ones do not say it.
    ...(keyUsage === undefined && which !== 'the root'
      ? [`"${name}" does not say what its key is for (keyUsage)`]
      : []),
    ...(keyUsage !== undefined && (keyUsage.bits & keyCertSign) === 0
      ? [`"${name}" may not sign certificates (keyUsage without keyCertSign)`]
      : []),
    ...(hasNameConstraints ? [`"${name}" has name constraints, which are not evaluated here`] : []),
    ...(nowMs >= notAfterMs ? [`"${name}" has ended at ${timeText(notAfterMs)}`] : []),
    ...(nowMs < notBeforeMs ? [`"${name}" begins only at ${timeText(notBeforeMs)}`] : []),
    ...keyProblems(certificate),
  ];
}

/** A purpose in a CA certificate binds all below it. */
function purposeProblems(certificate: Certificate): string[] {
  const purposes = certificate.extKeyUsage;
  if (purposes === undefined || purposes.includes(oid.anyExtKeyUsage)) return [];
  const missing = [oid.serverAuth, oid.clientAuth].filter((purpose) => !purposes.includes(purpose));
  if (missing.length === 0) return [];
  return [
    `"${nameOf(certificate)}" is not for both ends of TLS (extendedKeyUsage without ${missing.join(', ')})`,
  ];
}

function lengthProblems(certificate: Certificate, below: number): string[] {
  const { pathLength } = certificate;
  if (pathLength === undefined || pathLength >= below) return [];
  return [
    `"${nameOf(certificate)}" lets ${pathLength} CAs come below it (pathLen), and there are ${below}`,
  ];
}

function signatureProblems(certificate: Certificate): string[] {
  if (signatureScheme(certificate.signatureAlgorithm) !== undefined) return [];
  return [`"${nameOf(certificate)}" is signed in a way that is not taken, such as by SHA-1`];
}

/** The reader knows no other kinds than these two and Ed25519, which proxies do not verify everywhere. */
function keyProblems(certificate: Certificate): string[] {
  const kind = keyOf(certificate).asymmetricKeyType;
  if (kind !== 'ec' && kind !== 'rsa') {
    return [`the key of "${nameOf(certificate)}" is none that proxies verify: RSA or an EC curve`];
  }
  const problem = keyProblem(certificate);
  return problem === undefined ? [] : [problem];
}

function nameOf({ subject }: Certificate): string {
  return nameText(subject);
}

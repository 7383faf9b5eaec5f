import { err, ok, type Result } from '../base/result.ts';
import { buildPath, type CertificatePath } from './certificate-path.ts';
import { type Certificate, readCertificate } from './certificate-read.ts';
import { oid } from './oids.ts';
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from './spiffe-id.ts';
import type { TrustBundle } from './trust.ts';

const digitalSignature = 1 << 0;
const keyCertSign = 1 << 5;
const crlSign = 1 << 6;

/** Whose X509-SVID a certificate is (X509-SVID sections 2 to 4, for leaves). Errors: why it is none; nothing is signed yet. */
export function svidIdOf(leaf: Certificate): Result<SpiffeId, string> {
  const { uriSans, isCa, keyUsage, extKeyUsage, subject, sanIsCritical } = leaf;
  if (isCa) return err('it is the certificate of a CA');
  const [uri, ...others] = uriSans;
  if (uri === undefined || others.length > 0) {
    return err(`it has ${uriSans.length} URIs as names, not one`);
  }
  const id = parseSpiffeId(uri);
  if (!id.ok) return err(`"${uri}" is no SPIFFE ID: ${id.error}`);
  if (pathOf(id.value) === '') return err('its SPIFFE ID is a trust domain, not a workload');
  if (subject.length === emptyNameBytes && !sanIsCritical) {
    return err('it has no subject, and its other names are not critical');
  }
  if (keyUsage?.critical !== true) return err('it has no critical key usage');
  if ((keyUsage.bits & digitalSignature) === 0) return err('its key may not sign a handshake');
  if ((keyUsage.bits & (keyCertSign | crlSign)) !== 0) {
    return err('its key may sign certificates or revocations');
  }
  const isForBoth = [oid.serverAuth, oid.clientAuth].every((one) => extKeyUsage?.includes(one));
  return extKeyUsage === undefined || isForBoth
    ? id
    : err('its extended key usage is not for both ends of TLS');
}

/** An empty sequence. */
const emptyNameBytes = 2;

interface VerifiedSvid {
  readonly spiffeId: SpiffeId;
  readonly path: CertificatePath;
}

/** More than a leaf and its CAs is refused before it is read. */
const chainMax = 8;

/**
 * Checks an X509-SVID as its specification says (section 5): the leaf and its path to a root of the leaf's own trust
 * domain, and of no other (rule 27). `chain`: DER, leaf first. Errors: in words.
 */
export function verifyX509Svid(given: {
  readonly chain: readonly Uint8Array[];
  readonly bundles: readonly TrustBundle[];
  readonly nowMs: number;
}): Result<VerifiedSvid, string> {
  if (given.chain.length > chainMax) return err(`a chain of more than ${chainMax} certificates`);
  const certificates = readAll(given.chain);
  if (!certificates.ok) return certificates;
  const [leaf, ...intermediates] = certificates.value;
  if (leaf === undefined) return err('a chain without certificates');
  const id = svidIdOf(leaf);
  if (!id.ok) return id;
  const trustDomain = trustDomainOf(id.value);
  const bundle = given.bundles.find((one) => one.trustDomain === trustDomain);
  if (bundle === undefined) return err(`there is no bundle of the trust domain "${trustDomain}"`);
  const roots = readAll(bundle.x509Roots.map((root) => Buffer.from(root, 'base64')));
  if (!roots.ok) return err(`a root of "${trustDomain}" cannot be read: ${roots.error}`);
  const path = buildPath({ leaf, intermediates, roots: roots.value, nowMs: given.nowMs });
  if (!path.ok) return path;
  const problem = path.value.slice(1).map(signerProblem).find(Boolean);
  return problem === undefined ? ok({ spiffeId: id.value, path: path.value }) : err(problem);
}

/** The ID of a CA, where it has one, is that of a trust domain (section 4.1). */
function signerProblem({ uriSans }: Certificate): string | undefined {
  const ids = uriSans.map(parseSpiffeId);
  return ids.some((id) => id.ok && pathOf(id.value) !== '')
    ? 'a CA of its chain has the ID of a workload'
    : undefined;
}

function readAll(ders: readonly Uint8Array[]): Result<readonly Certificate[], string> {
  const certificates: Certificate[] = [];
  for (const der of ders) {
    const certificate = readCertificate(der);
    if (!certificate.ok) return certificate;
    certificates.push(certificate.value);
  }
  return ok(certificates);
}

import { readCertificate } from './certificate-read.ts';
import { publicJwk } from './jwk.ts';
import type { TrustBundle } from './trust.ts';

/** The media type of a bundle (SPIFFE Federation, section 5.2.1.3). */
export const bundleMediaType = 'application/json';

/** A trust domain's bundle as others read it: a JWK Set (SPIFFE Trust Domain and Bundle, section 4). */
export function bundleDocument(
  bundle: TrustBundle,
  options: { readonly refreshHintSeconds: number },
): string {
  return JSON.stringify({
    keys: [...bundle.x509Roots.map(x509Entry), ...jwtEntries(bundle)],
    spiffe_sequence: bundle.sequence,
    spiffe_refresh_hint: options.refreshHintSeconds,
  });
}

/** The JWT keys of a trust domain as a standard JWK Set: what FetchJWTBundles gives (SPIFFE Workload API, section 6.2.2). */
export function jwtBundleDocument(bundle: TrustBundle): string {
  return JSON.stringify({ keys: jwtEntries(bundle) });
}

/** X509-SVID section 6.1: one entry for each certificate, without a key id. */
function x509Entry(root: string): Readonly<Record<string, unknown>> {
  const certificate = readCertificate(Buffer.from(root, 'base64'));
  if (!certificate.ok) throw new Error(`a root cannot be read: ${certificate.error}`);
  return { ...publicJwk(certificate.value.publicKeySpki), use: 'x509-svid', x5c: [root] };
}

/** JWT-SVID section 6.1. */
function jwtEntries({ jwtKeys }: TrustBundle): readonly Readonly<Record<string, unknown>>[] {
  return jwtKeys.map(({ kid, publicKeySpki }) => ({
    ...publicJwk(Buffer.from(publicKeySpki, 'base64')),
    use: 'jwt-svid',
    kid,
  }));
}

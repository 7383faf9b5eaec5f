import { ecJwk } from './jws.ts';
import type { TrustBundle } from './trust.ts';

/** The JWT keys of a trust domain as a standard JWK Set: what FetchJWTBundles gives (SPIFFE Workload API, section 6.2.2). */
export function jwtBundleDocument(bundle: TrustBundle): string {
  const keys = bundle.jwtKeys.map(({ kid, publicKeySpki }) => ({
    ...ecJwk(Buffer.from(publicKeySpki, 'base64')),
    use: 'jwt-svid',
    kid,
  }));
  return JSON.stringify({ keys });
}

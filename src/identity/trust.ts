import { createHash } from 'node:crypto';
import type { TrustDomain } from '../model/types.ts';
import { toPem } from './pem.ts';

/** What identities of one trust domain are checked with. JSON as it is: it goes to agents and to their disks. */
export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /**
   * Grows with every change (SPIFFE Trust Domain and Bundle, section 4.1.1). Of another trust domain: what it says of
   * itself, 0 when it says nothing; that it changed is told by its content only.
   */
  readonly sequence: number;
  /** Root certificates, DER in base64, oldest first. */
  readonly x509Roots: readonly string[];
  readonly jwtKeys: readonly JwtVerificationKey[];
}

export interface JwtVerificationKey {
  readonly kid: string;
  /** SubjectPublicKeyInfo, DER in base64: P-256 for our own; also P-384, P-521 and RSA for other trust domains. */
  readonly publicKeySpki: string;
}

/** The mesh's own bundle and those of the trust domains it federates with; never merged (rule 49). */
export interface Trust {
  readonly own: TrustBundle;
  readonly federated: readonly TrustBundle[];
}

/** Names a root as operators compare it: SHA-256 of its DER, hex. */
export function rootSha256(rootBase64: string): string {
  return createHash('sha256').update(Buffer.from(rootBase64, 'base64')).digest('hex');
}

/** A trust domain may have revoked all of its roots, or have none for X.509 at all. */
export function hasRoots({ x509Roots }: TrustBundle): boolean {
  return x509Roots.length > 0;
}

/** The roots, as TLS libraries take them. */
export function bundlePem(bundle: Pick<TrustBundle, 'x509Roots'>): string {
  return bundle.x509Roots.map((root) => toPem('CERTIFICATE', Buffer.from(root, 'base64'))).join('');
}

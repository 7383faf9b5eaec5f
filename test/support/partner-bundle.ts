import { X509Certificate } from 'node:crypto';
import { systemRandom } from '../../src/base/random.ts';
import { createGeneration } from '../../src/identity/ca-generation.ts';
import { trustBundle } from '../../src/identity/rotation.ts';
import type { TrustDomain } from '../../src/model/types.ts';

/** A new root of another trust domain: its certificate, DER in base64. */
export function partnerRoot(): string {
  const trustDomain = 'partner.test' as TrustDomain;
  const active = createGeneration({ trustDomain, nowMs: Date.now(), random: systemRandom });
  const state = { trustDomain, sequence: 1, active, driven: 'hand' as const };
  const [root] = trustBundle({ ...state, rotation: { kind: 'none' } }).x509Roots;
  if (root === undefined) throw new Error('a new CA without a root');
  return root;
}

/** A SPIFFE bundle of these roots, as a partner publishes it. */
export function partnerBundle(...roots: readonly string[]): string {
  const keys = roots.map((root) => {
    const { publicKey } = new X509Certificate(Buffer.from(root, 'base64'));
    return { ...publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [root] };
  });
  return JSON.stringify({ keys, spiffe_sequence: roots.length });
}

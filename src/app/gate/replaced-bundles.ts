import type { Finding } from '../../base/finding.ts';
import { readBundleDocument } from '../../identity/bundle-read.ts';
import type { Intent, TrustPeer } from '../../model/types.ts';

/**
 * Bundles of peers that the commit says anew. What is believed of a peer is one thing for the whole mesh, so no wave can
 * tell: every connection with whoever the new roots do not sign is refused at once.
 */
export function replacedBundles(before: Intent, after: Intent): readonly Finding[] {
  return [...after.mesh.peers.values()].flatMap((peer) => {
    const was = before.mesh.peers.get(peer.trustDomain);
    if (was === undefined || peer.bundle === undefined || keepsRoots(was, peer)) return [];
    const finding: Finding = {
      code: 'CH4224',
      severity: 'error',
      message: `the bundle of ${peer.trustDomain} is replaced by one without the roots of before`,
      at: peer.at,
      expected: 'a bundle that also holds the roots that were believed until now',
      found:
        was.bundle === undefined
          ? 'until now its bundle came from its endpoint alone'
          : 'not all of those roots are in it',
      help: 'put both in for as long as the partner rotates, leave the bundle to its endpoint, or approve it',
    };
    return [finding];
  });
}

/** Whoever was believed is believed. What a bundle without a seed held is not known here. */
function keepsRoots(was: TrustPeer, now: TrustPeer): boolean {
  if (was.bundle === now.bundle) return true;
  const kept = new Set(rootsOf(now));
  return was.bundle !== undefined && rootsOf(was).every((root) => kept.has(root));
}

/** None where it cannot be used: that is told by the peer itself (CH3209). */
function rootsOf({ bundle = '', trustDomain }: TrustPeer): readonly string[] {
  const document = readBundleDocument(Buffer.from(bundle), trustDomain);
  return document.ok ? document.value.bundle.x509Roots : [];
}

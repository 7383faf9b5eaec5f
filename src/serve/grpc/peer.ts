import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type PeerCredentials, readPeerCredentials } from './peer-credentials.ts';

/**
 * Who called. `tls`: the chain was verified against the trust bundle; the certificate is the leaf, DER.
 * `unknown`: nothing is known, nothing may be granted.
 */
export type Peer =
  | { readonly kind: 'unix'; readonly credentials: PeerCredentials }
  | { readonly kind: 'tls'; readonly certificateDer: Uint8Array }
  | { readonly kind: 'unknown'; readonly reason: string };

export function unixPeer(socket: Socket): Peer {
  const credentials = readPeerCredentials(socket);
  return credentials.ok
    ? { kind: 'unix', credentials: credentials.value }
    : { kind: 'unknown', reason: credentials.error };
}

export function tlsPeer(socket: TLSSocket): Peer {
  if (!socket.authorized) return { kind: 'unknown', reason: 'the certificate was not verified' };
  const { raw } = socket.getPeerCertificate();
  return raw === undefined
    ? { kind: 'unknown', reason: 'no certificate was shown' }
    : { kind: 'tls', certificateDer: raw };
}

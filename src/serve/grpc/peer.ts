import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type PeerCredentials, readPeerCredentials, readPeerPidFd } from './peer-credentials.ts';
import { PeerProcess } from './peer-process.ts';

/**
 * Who called. `tls`: the chain was verified against the trust bundle; the certificate is the leaf, DER.
 * `unknown`: nothing is known, nothing may be granted.
 */
export type Peer =
  | {
      readonly kind: 'unix';
      readonly credentials: PeerCredentials;
      /** On sockets that tell their callers apart by what they are. */
      readonly process: PeerProcess | undefined;
    }
  | { readonly kind: 'tls'; readonly certificateDer: Uint8Array }
  | { readonly kind: 'unknown'; readonly reason: string };

export function unixPeer(socket: Socket): Peer {
  const credentials = readPeerCredentials(socket);
  return credentials.ok
    ? { kind: 'unix', credentials: credentials.value, process: undefined }
    : { kind: 'unknown', reason: credentials.error };
}

/** A unix peer whose process is held for attestation until the connection ends. */
export function attestedPeer(socket: Socket): Peer {
  const credentials = readPeerCredentials(socket);
  if (!credentials.ok) return { kind: 'unknown', reason: credentials.error };
  const pidFd = readPeerPidFd(socket);
  if (!pidFd.ok) return { kind: 'unknown', reason: pidFd.error };
  const process = PeerProcess.open(credentials.value.pid, pidFd.value);
  return process.ok
    ? { kind: 'unix', credentials: credentials.value, process: process.value }
    : { kind: 'unknown', reason: process.error };
}

/** To be called when the connection has ended. */
export function releasePeer(peer: Peer): void {
  if (peer.kind === 'unix') peer.process?.close();
}

export function tlsPeer(socket: TLSSocket): Peer {
  if (!socket.authorized) return { kind: 'unknown', reason: 'the certificate was not verified' };
  // Not getPeerCertificate, which writes the whole certificate out as text.
  const raw = socket.getPeerX509Certificate()?.raw;
  return raw === undefined
    ? { kind: 'unknown', reason: 'no certificate was shown' }
    : { kind: 'tls', certificateDer: raw };
}

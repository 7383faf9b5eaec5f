import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { hostKey } from '../../identity/hosts/host-record.ts';
import { hostOf, trustDomainOf } from '../../identity/spiffe-id.ts';
import type { HostName, TrustDomain } from '../../model/types.ts';
import { freshHandshakes } from '../grpc/fresh-handshakes.ts';
import type { TlsMaterial } from '../grpc/server.ts';
import { https } from './node-http.ts';
import { type ApiHandler, type ApiPeer, serveRequest } from './server.ts';
import { listening, shownSvid, tlsOptions } from './tls-listener.ts';

/** The API for hosts, over TLS. */
interface HostApiServer {
  /** Resolves with the port. */
  listen(address: string, port: number, tls: TlsMaterial): Promise<number>;
  /** New handshakes use the new material; open connections stay. */
  setTls(tls: TlsMaterial): void;
  /** Ends every connection of a host, now. */
  cut(host: HostName): void;
  close(): void;
}

/** A connection or two for each host; what comes beyond is a storm or an attack. */
const connectionsMax = 10_000;
/** Agents keep a connection between two calls for longer than they report (10 s). */
const keepAliveMs = 30_000;

/**
 * A host shows its certificate, or none while it joins: the handshake lets both in, and each call says what it needs.
 * Whether a certificate still counts is asked at each call, not only at the handshake.
 */
export function createHostApiServer(options: {
  readonly handler: ApiHandler;
  readonly trustDomain: TrustDomain;
}): HostApiServer {
  const peers = new Map<Socket, ApiPeer>();
  let server: Server | undefined;
  const known = (socket: Socket): ApiPeer =>
    peers.get(socket) ?? { kind: 'anonymous', reason: 'the connection has ended' };
  return {
    listen: async (address, port, tls) => {
      const secure = https.createServer(
        { ...tls, ...tlsOptions, keepAliveTimeout: keepAliveMs },
        (request, response) =>
          serveRequest(options.handler, known(request.socket), request, response),
      );
      secure.maxConnections = connectionsMax;
      secure.on('secureConnection', (socket) => {
        peers.set(socket, peerOf(socket, options.trustDomain));
        socket.once('close', () => peers.delete(socket));
      });
      // A client that breaks off a handshake is its own business.
      secure.on('tlsClientError', () => {});
      server = secure;
      return listening(secure, address, port);
    },
    setTls: (tls) => server?.setSecureContext({ ...tls, ...freshHandshakes }),
    cut: (host) => {
      for (const [socket, peer] of peers) {
        if (peer.kind === 'host' && peer.host === host) socket.destroy();
      }
    },
    close: () => {
      server?.closeAllConnections();
      server?.close();
    },
  };
}

function peerOf(socket: TLSSocket, trustDomain: TrustDomain): ApiPeer {
  const shown = shownSvid(socket);
  if (!shown.ok) return { kind: 'anonymous', reason: shown.error };
  const { id, certificate } = shown.value;
  const host = hostOf(id);
  if (host === undefined || trustDomainOf(id) !== trustDomain) {
    return { kind: 'anonymous', reason: `${id} is no host of ${trustDomain}` };
  }
  const { publicKeySpki, notAfterMs } = certificate;
  return { kind: 'host', host, key: hostKey(publicKeySpki), notAfterMs };
}

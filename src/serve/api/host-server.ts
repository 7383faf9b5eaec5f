import type { Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readCertificate } from '../../identity/certificate-read.ts';
import { hostKey } from '../../identity/hosts/host-record.ts';
import { hostOf, trustDomainOf } from '../../identity/spiffe-id.ts';
import { svidIdOf } from '../../identity/x509-svid.ts';
import type { HostName, TrustDomain } from '../../model/types.ts';
import type { TlsMaterial } from '../grpc/server.ts';
import { https } from './node-http.ts';
import { type ApiHandler, type ApiPeer, serveRequest } from './server.ts';

/** The API for hosts, over TLS. */
export interface HostApiServer {
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
/** A peer that does not finish its handshake holds a connection for nothing. */
const handshakeMs = 10_000;
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
    setTls: (tls) => server?.setSecureContext({ ...tls, minVersion: 'TLSv1.3' }),
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

const tlsOptions = {
  requestCert: true,
  rejectUnauthorized: false,
  minVersion: 'TLSv1.3',
  handshakeTimeout: handshakeMs,
} as const;

async function listening(server: Server, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function peerOf(socket: TLSSocket, trustDomain: TrustDomain): ApiPeer {
  const { raw } = socket.getPeerCertificate();
  if (raw === undefined) return anonymous('no certificate was shown');
  if (!socket.authorized) {
    return anonymous(`the certificate does not hold: ${String(socket.authorizationError)}`);
  }
  const certificate = readCertificate(raw);
  if (!certificate.ok) return anonymous(certificate.error);
  const { publicKeySpki, notAfterMs } = certificate.value;
  const id = svidIdOf(certificate.value);
  if (!id.ok) return anonymous(`the certificate is no SVID: ${id.error}`);
  const host = hostOf(id.value);
  if (host === undefined || trustDomainOf(id.value) !== trustDomain) {
    return anonymous(`${id.value} is no host of ${trustDomain}`);
  }
  return { kind: 'host', host, key: hostKey(publicKeySpki), notAfterMs };
}

function anonymous(reason: string): ApiPeer {
  return { kind: 'anonymous', reason };
}

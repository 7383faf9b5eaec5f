import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { messageOf } from '../../base/error.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import { freshHandshakes } from '../grpc/fresh-handshakes.ts';
import type { TlsMaterial } from '../grpc/server.ts';
import { https } from './node-http.ts';
import { type ApiHandler, type ApiPeer, answerUnreadable, serveRequest } from './server.ts';
import { listening, shownSvid, tlsOptions } from './tls-listener.ts';

/** What a caller shows of itself. A token goes before a certificate: it is what was typed. */
export type Shown =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly id: SpiffeId; readonly notAfterMs: number }
  | { readonly kind: 'nothing'; readonly reason: string };

/** The operators' API over TLS 1.3. */
interface OperatorServer {
  /** Resolves with the port. */
  listen(address: string, port: number, tls: TlsMaterial): Promise<number>;
  /** New handshakes use the new material; open connections stay. */
  setTls(tls: TlsMaterial): void;
  close(): void;
}

/** People, scripts and a console; what comes beyond is a storm or an attack. */
const connectionsMax = 1_000;
/** Who follows a stream and is no longer who it was is cut off within this. */
const askAgainMs = 1_000;

/** A call that is no operator's: it brings an authentication of its own, over the bytes as they came. */
export type RawCall = (request: IncomingMessage, response: ServerResponse) => void;

export function createOperatorServer(options: {
  readonly handler: ApiHandler;
  readonly authenticate: (shown: Shown) => Promise<ApiPeer>;
  /** By path. */
  readonly raw?: ReadonlyMap<string, RawCall>;
}): OperatorServer {
  const certificates = new WeakMap<Socket, Shown>();
  let server: Server | undefined;
  const shownBy = (request: IncomingMessage): Shown =>
    bearerOf(request) ??
    certificates.get(request.socket) ?? { kind: 'nothing', reason: 'the connection has ended' };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const shown = shownBy(request);
    const peer = await whoIs(options.authenticate, shown);
    watch(options.authenticate, { shown, peer, response });
    const { remoteAddress: address } = request.socket;
    const known = peer.kind === 'caller' ? { ...peer, address } : peer;
    serveRequest(options.handler, known, request, response);
  };
  return {
    listen: (address, port, tls) => {
      const secure = https.createServer({ ...tls, ...tlsOptions }, (request, response) => {
        const raw = options.raw?.get(request.url ?? '');
        if (raw === undefined) void serve(request, response);
        else raw(request, response);
      });
      secure.maxConnections = connectionsMax;
      secure.on('secureConnection', (socket) => {
        const svid = shownSvid(socket);
        certificates.set(
          socket,
          svid.ok
            ? {
                kind: 'certificate',
                id: svid.value.id,
                notAfterMs: svid.value.certificate.notAfterMs,
              }
            : { kind: 'nothing', reason: `no token came, and ${svid.error}` },
        );
      });
      // A client that breaks off a handshake is its own business.
      secure.on('tlsClientError', () => {});
      answerUnreadable(secure);
      server = secure;
      return listening(secure, address, port);
    },
    setTls: (tls) => server?.setSecureContext({ ...tls, ...freshHandshakes }),
    close: () => {
      server?.closeAllConnections();
      server?.close();
    },
  };
}

function bearerOf({ headers }: IncomingMessage): Shown | undefined {
  const { authorization } = headers;
  if (authorization === undefined) return undefined;
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  return token === undefined
    ? { kind: 'nothing', reason: 'the header `authorization` is not "Bearer TOKEN"' }
    : { kind: 'token', token };
}

/** A store that is away says nothing about anybody: nobody is let in. */
async function whoIs(
  authenticate: (shown: Shown) => Promise<ApiPeer>,
  shown: Shown,
): Promise<ApiPeer> {
  try {
    return await authenticate(shown);
  } catch (error) {
    return {
      kind: 'anonymous',
      reason: `it cannot be found out now: ${messageOf(error)}`,
      notLookedUp: messageOf(error),
    };
  }
}

/** A long answer ends with the right to it: a token that was revoked, a certificate that ended, a lesser role. */
function watch(
  authenticate: (shown: Shown) => Promise<ApiPeer>,
  given: { readonly shown: Shown; readonly peer: ApiPeer; readonly response: ServerResponse },
): void {
  const { shown, peer, response } = given;
  if (peer.kind !== 'caller') return;
  const look = async (): Promise<void> => {
    const now = await whoIs(authenticate, shown);
    if (now.kind !== 'caller' || now.role !== peer.role) response.destroy();
  };
  const timer = setInterval(() => void look(), askAgainMs);
  response.once('close', () => clearInterval(timer));
}

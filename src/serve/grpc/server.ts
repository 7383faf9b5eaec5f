import { chmodSync, lstatSync, rmSync } from 'node:fs';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import {
  createServer as createNetServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import type { TLSSocket } from 'node:tls';
import { CallStream } from './call.ts';
import { Crowd, sendAway } from './crowd.ts';
import { freshHandshakes } from './fresh-handshakes.ts';
import { keepAlive } from './keepalive.ts';
import type { SocketListener } from './kept-socket.ts';
import type { Method } from './method.ts';
import { attestedPeer, type Peer, releasePeer, tlsPeer, unixPeer } from './peer.ts';
import { type GrpcCode, GrpcError, grpcStatus } from './status.ts';

interface GrpcServerOptions {
  readonly methods: readonly Method[];
  /** How often a silent peer is asked whether it lives; 20 s when left out. */
  readonly pingMs?: number;
  /** On the host's socket: how long a connection may be open without a call; 30 s when left out. */
  readonly idleMs?: number;
  /** On the host's socket: connections of one user but root; 2,500 when left out. */
  readonly connectionsPerUser?: number;
  /** Over TLS: whether one more connection of this peer is taken; gives what is to be called when it has ended. */
  readonly admit?: (peer: Peer) => (() => void) | undefined;
  /** How long a connection of this peer may take new calls; without an end when it says nothing. */
  readonly connectionMs?: (peer: Peer) => number | undefined;
  /** For what no caller sees: a handler that threw something unexpected. */
  readonly onError: (error: unknown, path: string) => void;
}

/** PEM texts. Clients must show a certificate that chains to `ca`. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface GrpcServer {
  /** A socket that a dead process left at `path` is replaced; anything else there is left alone. */
  listenUnix(path: string, mode: number): Promise<SocketListener>;
  /** A socket open to every user: who calls is attested by its process, which is held while it is connected. */
  listenHostUnix(path: string): Promise<SocketListener>;
  /** Mutual TLS 1.3. Resolves with the port. */
  listenTls(address: string, port: number, tls: TlsMaterial): Promise<number>;
  /** New handshakes use the new material; open connections stay. */
  setTls(tls: TlsMaterial): void;
  /** Ends every stream with UNAVAILABLE (a GOAWAY alone leaves streams up), then closes. */
  close(): Promise<void>;
}

const messageBytesMax = 4 * 1024 * 1024;
const pingMsDefault = 20_000;
/** Calls one connection may have open: an Envoy has one ADS stream, one per secret, and its ext_authz calls. */
const concurrentStreamsMax = 4_096;
/** An Envoy opens one connection per worker and cluster; what comes beyond is a storm or an attack. */
const connectionsMax = 10_000;
/**
 * Of the host's socket, the connections of one user but root: whoever holds the most must leave room for the others.
 * A service has a few for each of its processes.
 */
const connectionsPerUserMax = 2_500;
const idleMsDefault = 30_000;
/** A peer that does not finish its handshake holds a connection for nothing. */
const handshakeMs = 10_000;
/** What a timer can hold. */
const timerMsMax = 2 ** 31 - 1;
/** For trailers and GOAWAY to reach peers that still read. */
const closeGraceMs = 500;

/** Who may be connected, where not everybody may. */
interface Guests {
  /** False: it is one too many and is told so. */
  readonly admit: (session: ServerHttp2Session, peer: Peer) => boolean;
  readonly begun?: (session: ServerHttp2Session, stream: ServerHttp2Stream) => void;
}

function guestsOf(admit: NonNullable<GrpcServerOptions['admit']>): Guests {
  return {
    admit: (session, peer) => {
      const leave = admit(peer);
      if (leave === undefined) sendAway(session, 'there are too many connections of this kind');
      else session.once('close', leave);
      return leave !== undefined;
    },
  };
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new NodeGrpcServer(options);
}

class NodeGrpcServer implements GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  /** What listens. */
  readonly #servers = new Set<Server>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Set<CallStream>();
  #secure: Http2SecureServer | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
  }

  listenUnix(path: string, mode: number): Promise<SocketListener> {
    return this.#listenUnix(path, mode, unixPeer);
  }

  async listenHostUnix(path: string): Promise<SocketListener> {
    const { connectionsPerUser = connectionsPerUserMax, idleMs = idleMsDefault } = this.#options;
    const crowd = new Crowd({ connectionsPerUser, idleMs });
    try {
      return await this.#listenUnix(path, 0o777, attestedPeer, crowd);
    } catch (error) {
      crowd.stop();
      throw error;
    }
  }

  async #listenUnix(
    path: string,
    mode: number,
    readPeer: (socket: Socket) => Peer,
    crowd?: Crowd,
  ): Promise<SocketListener> {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path);
    const server = createServer({ settings: { maxConcurrentStreams: concurrentStreamsMax } });
    this.#followAll(server, readPeer, crowd);
    // One of its own: a server of HTTP/2 that closes tells who is connected to go.
    const door = createNetServer((socket) => server.emit('connection', socket));
    door.once('close', () => crowd?.stop());
    await this.#listen(door, { path });
    chmodSync(path, mode);
    const leave = (gone: () => void): void => void door.close(gone);
    return { leave, close: () => leave(() => {}) };
  }

  async listenTls(address: string, port: number, tls: TlsMaterial): Promise<number> {
    const server = createSecureServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      ...freshHandshakes,
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeMs,
      settings: { maxConcurrentStreams: concurrentStreamsMax },
    });
    this.#secure = server;
    const { admit } = this.#options;
    this.#followAll(server, (socket) => tlsPeer(socket as TLSSocket), admit && guestsOf(admit));
    await this.#listen(server, { host: address, port });
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  setTls(tls: TlsMaterial): void {
    this.#secure?.setSecureContext({ ...tls, ...freshHandshakes });
  }

  async close(): Promise<void> {
    for (const call of this.#calls) call.end(grpcStatus.unavailable, 'the server is going down');
    const closed = [...this.#servers].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const session of this.#sessions) session.close();
    const cut = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, closeGraceMs);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  async #listen(server: Server, at: ListenOptions): Promise<void> {
    server.maxConnections = connectionsMax;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
  }

  #followAll(
    server: Http2Server | Http2SecureServer,
    readPeer: (socket: Socket) => Peer,
    crowd?: Guests,
  ): void {
    // A client that breaks off a handshake is its own business; the access log of its proxy says why.
    server.on('sessionError', () => {});
    server.on('session', (session: ServerHttp2Session) => this.#follow(session, readPeer, crowd));
  }

  #follow(
    session: ServerHttp2Session,
    readPeer: (socket: Socket) => Peer,
    crowd: Guests | undefined,
  ): void {
    // At once: a process that connected and exited may have given its number to another one later.
    const peer = readPeer(session.socket as Socket);
    this.#sessions.add(session);
    session.once('close', () => {
      this.#sessions.delete(session);
      releasePeer(peer);
    });
    if (crowd?.admit(session, peer) === false) return;
    keepAlive(session, this.#options.pingMs ?? pingMsDefault);
    endAfter(session, this.#options.connectionMs?.(peer));
    session.on('stream', (stream, headers) => {
      crowd?.begun?.(session, stream);
      this.#serve(stream, headers, peer);
    });
  }

  #serve(
    stream: ServerHttp2Stream,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    peer: Peer,
  ): void {
    if (!isGrpc(headers)) {
      stream.on('error', () => {});
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const call = new CallStream({ stream, headers, peer, messageBytesMax });
    this.#calls.add(call);
    call.onClose(() => this.#calls.delete(call));
    const path = String(headers[':path'] ?? '');
    const method = this.#methods.get(path);
    if (method === undefined) call.end(grpcStatus.unimplemented, `there is no method ${path}`);
    else void this.#run(method, call);
  }

  async #run(method: Method, call: CallStream): Promise<void> {
    try {
      switch (method.kind) {
        case 'unary':
          call.endWith(await method.handle(await call.only(), call));
          return;
        case 'server-stream':
          await method.handle(await call.only(), call);
          break;
        case 'bidi':
          await method.handle(call);
          break;
      }
      call.end(grpcStatus.ok, '');
    } catch (error) {
      const [code, message] = this.#statusOf(error, method.path);
      call.end(code, message);
    }
  }

  #statusOf(error: unknown, path: string): [GrpcCode, string] {
    if (error instanceof GrpcError) return [error.code, error.message];
    this.#options.onError(error, path);
    return [grpcStatus.internal, 'the call failed; the log of the server says why'];
  }
}

/** By a GOAWAY: calls that are under way come to their end, and the peer connects anew. */
function endAfter(session: ServerHttp2Session, connectionMs: number | undefined): void {
  if (connectionMs === undefined) return;
  const timer = setTimeout(() => session.close(), Math.min(connectionMs, timerMsMax));
  session.once('close', () => clearTimeout(timer));
}

/** gRPC over HTTP/2: POST and `application/grpc`, alone or with `+proto` or a parameter; not grpc-web. */
function isGrpc(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  return (
    headers[':method'] === 'POST' &&
    /^application\/grpc(?:$|[+;])/.test(String(headers['content-type'] ?? ''))
  );
}

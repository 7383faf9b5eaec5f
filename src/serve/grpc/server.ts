import { chmodSync, rmSync } from 'node:fs';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { CallStream } from './call.ts';
import type { Method } from './method.ts';
import { type Peer, tlsPeer, unixPeer } from './peer.ts';
import { type GrpcCode, GrpcError, grpcStatus } from './status.ts';

export interface GrpcServerOptions {
  readonly methods: readonly Method[];
  /** Largest message taken from a peer; 4 MiB when left out. 5,000 names of endpoints are 264 KB. */
  readonly messageBytesMax?: number;
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
  listenUnix(path: string, mode: number): Promise<void>;
  /** Mutual TLS 1.3. Resolves with the port. */
  listenTls(address: string, port: number, tls: TlsMaterial): Promise<number>;
  /** New handshakes use the new material; open connections stay. */
  setTls(tls: TlsMaterial): void;
  /** Ends every stream with UNAVAILABLE (a GOAWAY alone leaves streams up), then closes. */
  close(): Promise<void>;
}

const messageBytesMaxDefault = 4 * 1024 * 1024;
/** Calls one connection may have open: an Envoy has one ADS stream, one per secret, and its ext_authz calls. */
const concurrentStreamsMax = 4_096;
const sessionPingMs = 20_000;

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new NodeGrpcServer(options);
}

class NodeGrpcServer implements GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #servers: (Http2Server | Http2SecureServer)[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Set<CallStream>();
  #secure: Http2SecureServer | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
  }

  async listenUnix(path: string, mode: number): Promise<void> {
    rmSync(path, { force: true });
    const server = createServer({ settings: { maxConcurrentStreams: concurrentStreamsMax } });
    this.#attach(server, unixPeer);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, mode);
  }

  async listenTls(address: string, port: number, tls: TlsMaterial): Promise<number> {
    const server = createSecureServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      settings: { maxConcurrentStreams: concurrentStreamsMax },
    });
    this.#secure = server;
    this.#attach(server, (socket) => tlsPeer(socket as TLSSocket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port }, resolve);
    });
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  setTls(tls: TlsMaterial): void {
    this.#secure?.setSecureContext({ ...tls, minVersion: 'TLSv1.3' });
  }

  async close(): Promise<void> {
    for (const call of this.#calls) call.end(grpcStatus.unavailable, 'the server is going down');
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const session of this.#sessions) session.close();
    const cut = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, 500);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  #attach(server: Http2Server | Http2SecureServer, readPeer: (socket: Socket) => Peer): void {
    this.#servers.push(server);
    // A client that breaks off a handshake is its own business; the access log of its proxy says why.
    server.on('sessionError', () => {});
    server.on('session', (session: ServerHttp2Session) => {
      let peer: Peer | undefined;
      this.#sessions.add(session);
      const ping = setInterval(() => session.ping(() => {}), sessionPingMs);
      ping.unref();
      session.once('close', () => {
        clearInterval(ping);
        this.#sessions.delete(session);
      });
      session.on('stream', (stream, headers) => {
        peer ??= readPeer(session.socket as Socket);
        this.#serve(stream, headers, peer);
      });
    });
  }

  #serve(
    stream: ServerHttp2Stream,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    peer: Peer,
  ): void {
    const path = String(headers[':path'] ?? '');
    const call = new CallStream({
      stream,
      headers,
      peer,
      messageBytesMax: this.#options.messageBytesMax ?? messageBytesMaxDefault,
    });
    this.#calls.add(call);
    stream.once('close', () => this.#calls.delete(call));
    const method = this.#methods.get(path);
    if (method === undefined) {
      call.end(grpcStatus.unimplemented, `there is no method ${path}`);
      return;
    }
    void this.#run(method, call, path);
  }

  async #run(method: Method, call: CallStream, path: string): Promise<void> {
    try {
      switch (method.kind) {
        case 'unary':
          call.write(await method.handle(await call.only(), call));
          break;
        case 'bidi':
          await method.handle(call);
          break;
      }
      call.end(grpcStatus.ok, '');
    } catch (error) {
      const [code, message] = this.#statusOf(error, path);
      call.end(code, message);
    }
  }

  #statusOf(error: unknown, path: string): [GrpcCode, string] {
    if (error instanceof GrpcError) return [error.code, error.message];
    this.#options.onError(error, path);
    return [grpcStatus.internal, 'the call failed; the log of the server says why'];
  }
}

import http2 from 'node:http2';
import { collect, frame, unframe } from './grpc.ts';
import { type Context, json, Problem } from './lib.ts';

/** The mesh has its own, shorter time limits; this one is for a run without it. */
const timeoutMs = 5000;

/** How a gRPC status looks to people who came by HTTP (google.rpc.Code). */
const httpStatusOf: ReadonlyMap<number, number> = new Map([
  [3, 400],
  [4, 504],
  [5, 404],
  [7, 403],
  [8, 429],
  [9, 409],
  [12, 501],
  [14, 503],
  [16, 401],
]);

export interface GrpcClient {
  /** Calls `package.Service/Method`. A status other than OK is thrown as a `Problem` with its message. */
  call(method: string, message: Uint8Array, context: Context): Promise<Uint8Array>;
  close(): void;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * A client of the service `authority`. It connects to `<AUTHORITY>_ADDR` (host:port) or, like the HTTP client, to the
 * proxy in GRPC_PROXY or HTTP_PROXY, and says by `:authority` whom it wants.
 */
export function grpcClient(authority: string, env: Env = process.env): GrpcClient {
  let session: http2.ClientHttp2Session | undefined;
  const connected = (): http2.ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(targetOf(authority, env));
      session.on('error', () => {});
      session.on('goaway', () => session?.close());
      session.unref();
    }
    return session;
  };
  return {
    call: async (method, message, context) => {
      const request = { authority, method, message, context };
      // A call that the proxy refused while it drained was not looked at, and may be sent again (RFC 9113, 8.7).
      const result = await callOnce(connected(), request).catch((thrown: unknown) => {
        if (isRefused(thrown)) return callOnce(connected(), request);
        throw thrown;
      });
      return result;
    },
    close: () => session?.close(),
  };
}

function targetOf(authority: string, env: Env): string {
  const direct = env[`${authority.toUpperCase().replaceAll('-', '_')}_ADDR`];
  if (direct !== undefined && direct !== '') return `http://${direct}`;
  const proxy = env['GRPC_PROXY'] || env['HTTP_PROXY'] || env['http_proxy'];
  return proxy || `http://${authority}`;
}

interface GrpcRequest {
  readonly authority: string;
  readonly method: string;
  readonly message: Uint8Array;
  readonly context: Context;
}

async function callOnce(
  session: http2.ClientHttp2Session,
  { authority, method, message, context }: GrpcRequest,
): Promise<Uint8Array> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${method}`,
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${timeoutMs}m`,
    ...context.headers,
  });
  let headers: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.setTimeout(timeoutMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.end(frame(message));
  const body = await collect(stream).catch((thrown: unknown) => {
    if (isRefused(thrown)) throw thrown;
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Problem(502, `${authority} could not be reached: ${detail}`);
  });
  return readAnswer(authority, headers, trailers, body);
}

function isRefused(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.includes('NGHTTP2_REFUSED_STREAM');
}

/** An error may come as trailers, as headers alone, or, from a proxy in between, as plain HTTP. */
function readAnswer(
  authority: string,
  headers: http2.IncomingHttpHeaders,
  trailers: http2.IncomingHttpHeaders,
  body: Buffer,
): Uint8Array {
  const httpStatus = Number(headers[':status'] ?? 0);
  const status = trailers['grpc-status'] ?? headers['grpc-status'];
  if (status === '0') return unframe(body);
  if (status === undefined) {
    if (httpStatus < 300) throw new Problem(502, `${authority} gave no gRPC answer`);
    const contentType = headers['content-type'] ?? 'text/plain';
    const reply = { status: httpStatus, contentType, body };
    throw new Problem(httpStatus, `${authority} answered ${httpStatus}`, reply);
  }
  const message = decodeMessage(trailers['grpc-message'] ?? headers['grpc-message']);
  const code = Number(status);
  const error = { message: message || `${authority} failed`, service: authority, grpcStatus: code };
  const mapped = httpStatusOf.get(code) ?? 502;
  throw new Problem(mapped, error.message, json(mapped, { error }));
}

function decodeMessage(value: string | string[] | undefined): string {
  const text = typeof value === 'string' ? value : '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

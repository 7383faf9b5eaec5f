import http2 from 'node:http2';

export const rpcPort = 15_983;

/**
 * An application of HTTP/2 that answers as its path says, and tells in its answer what it was asked: the headers that it
 * got, how much came and what came behind it.
 */
export const rpc = `
const http2 = require('node:http2');
const own = /^(?:x-request-id|x-forwarded|x-envoy-|:authority|:scheme)/;
const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream, head, flags, raw) => {
  const pairs = raw.flatMap((name, at) => (at % 2 === 0 && !own.test(name) ? [name + ': ' + raw[at + 1]] : []));
  const got = Buffer.from(JSON.stringify(pairs.sort())).toString('base64');
  const [path] = head[':path'].split('?');
  let length = 0;
  let trailers = '';
  stream.on('error', () => {});
  stream.on('trailers', (more) => { trailers = JSON.stringify(more); });
  if (path === '/only-trailers') {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'not%20found', 'detail-bin': 'AAEC', 'x-got': got }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto', 'x-got': got, 'x-b-bin': 'AP8=, AQ' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': '', 'x-length': String(length), 'x-trailers': trailers, 'x-c-bin': 'AP8' }));
  stream.on('data', (bytes) => {
    length += bytes.length;
    if (path === '/echo') stream.write(bytes);
  });
  if (path === '/many') for (let at = 0; at < 1000; at += 1) stream.write(Buffer.alloc(100, at));
  if (head[':method'] === 'CONNECT') stream.write('open');
  stream.on('end', () => stream.end());
  stream.resume();
});
server.listen(Number(process.env.PORT), '127.0.0.1');
`;

interface Asked {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly messages?: readonly Buffer[];
  readonly trailers?: Readonly<Record<string, string>>;
}

function message(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const grpc = { 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'grpc-go/1.79' };

export const calls: readonly (readonly [what: string, asked: Asked])[] = [
  [
    'a unary call of gRPC',
    { path: '/pkg.v1.Svc/Do', headers: grpc, messages: [message(Buffer.from('abc'))] },
  ],
  [
    'metadata in bytes, of several values, empty',
    {
      path: '/pkg.Svc/Do',
      headers: { ...grpc, 'a-bin': ['AP8', 'AQ=='], 'x-empty': '', 'x-b': ['c', 'd, e'] },
      messages: [message(Buffer.alloc(0))],
    },
  ],
  [
    'a deadline, compression and an authority of its own',
    {
      path: '/pkg.Svc/Do',
      headers: {
        ...grpc,
        ...{ 'grpc-timeout': '14999m', 'grpc-encoding': 'gzip' },
        ...{ 'grpc-accept-encoding': 'identity,deflate,gzip', authorization: 'Bearer a.b.c' },
      },
      messages: [message(Buffer.from('abc'))],
    },
  ],
  ['an answer of trailers alone', { path: '/only-trailers', headers: grpc, messages: [] }],
  [
    'a stream of the server',
    { path: '/many', headers: grpc, messages: [message(Buffer.from(''))] },
  ],
  [
    'a stream of both',
    {
      path: '/echo',
      headers: grpc,
      messages: Array.from({ length: 50 }, (_, at) => message(Buffer.alloc(1_000, at))),
    },
  ],
  [
    'a message of 8 MB',
    { path: '/echo', headers: grpc, messages: [message(Buffer.alloc(8_000_000, 'x'))] },
  ],
  ['health', { path: '/grpc.health.v1.Health/Watch', headers: grpc, messages: [] }],
  [
    'reflection',
    {
      path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      headers: grpc,
      messages: [],
    },
  ],
  [
    'gRPC-Web',
    {
      path: '/pkg.Svc/Do',
      headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
      messages: [message(Buffer.from('abc'))],
    },
  ],
  [
    'Connect by GET',
    { path: '/pkg.Svc/Do?connect=v1&encoding=json&message=%7B%7D&base64=1', headers: {} },
  ],
  [
    'a checksum behind the body',
    { path: '/upload', messages: [Buffer.from('abc')], trailers: { 'x-checksum': 'a=b' } },
  ],
  ['a path with an encoded slash', { path: '/v1/projects/a%2Fb;c=d/x?e', headers: {} }],
  ['a method that nobody knows', { path: '/x', headers: { ':method': 'LIST' } }],
];

/** What comes back of it, in words: status, headers of the application, body and trailers. */
export function call(port: number, { path, headers, messages, trailers }: Asked): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = http2.connect(`http://127.0.0.1:${port}`);
    client.once('error', reject);
    const head = {
      ':method': messages === undefined ? 'GET' : 'POST',
      ':path': path,
      ':authority': 'rpc',
    };
    const stream = client.request({ ...head, ...headers } as http2.OutgoingHttpHeaders, {
      endStream: messages === undefined,
      waitForTrailers: trailers !== undefined,
    });
    const found: string[] = [];
    const chunks: Buffer[] = [];
    stream.once('error', reject);
    stream.once('wantTrailers', () => stream.sendTrailers({ ...trailers }));
    stream.once('response', (head) => found.push(lines(head)));
    stream.once('trailers', (more) => found.push(lines(more)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('close', () => {
      client.close();
      const [first = '', ...rest] = found;
      resolve([first, Buffer.concat(chunks).toString('base64'), ...rest].join('\n\n'));
    });
    for (const bytes of messages ?? []) stream.write(bytes);
    if (messages !== undefined) stream.end();
  });
}

function lines(fields: http2.IncomingHttpHeaders): string {
  return Object.entries(fields)
    .filter(([name]) => name !== 'date' && name !== 'x-request-id')
    .map(
      ([name, value]) =>
        `${name}: ${name === 'x-got' ? Buffer.from(String(value), 'base64').toString() : String(value)}`,
    )
    .sort()
    .join('\n');
}

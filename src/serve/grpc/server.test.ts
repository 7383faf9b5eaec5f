import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CallStream } from './call.ts';
import { GrpcClient } from './client.ts';
import { frame } from './frames.ts';
import type { Peer } from './peer.ts';
import { createGrpcServer, type GrpcServer } from './server.ts';
import { GrpcError, grpcStatus } from './status.ts';

const dir = mkdtempSync(join(tmpdir(), 'chancery-grpc-'));
const path = join(dir, 'grpc.sock');
const errors: unknown[] = [];
const peers: Peer[] = [];
const calls: CallStream[] = [];
let server: GrpcServer;
let client: GrpcClient;

before(async () => {
  server = createGrpcServer({
    onError: (error) => errors.push(error),
    methods: [
      {
        kind: 'unary',
        path: '/t.T/Reverse',
        handle: (request, call) => {
          peers.push(call.peer);
          return request.toReversed();
        },
      },
      { kind: 'unary', path: '/t.T/Hang', handle: () => new Promise(() => {}) },
      {
        kind: 'unary',
        path: '/t.T/Refuse',
        handle: () => {
          throw new GrpcError(grpcStatus.notFound, 'no "ä" 100%\n');
        },
      },
      {
        kind: 'unary',
        path: '/t.T/Break',
        handle: () => {
          throw new Error('secret detail');
        },
      },
      {
        kind: 'server-stream',
        path: '/t.T/Count',
        handle: async (request, call) => {
          for (const byte of request) call.write(Uint8Array.of(byte));
        },
      },
      {
        kind: 'bidi',
        path: '/t.T/Echo',
        handle: async (call) => {
          calls.push(call);
          for (;;) {
            const message = await call.read();
            if (message === undefined) return;
            call.write(message);
          }
        },
      },
    ],
  });
  await server.listenUnix(path, 0o600);
  client = new GrpcClient({ kind: 'unix', path });
});

after(async () => {
  await client.close();
  await server.close();
  rmSync(dir, { recursive: true });
});

/** A request below the client: whatever headers and bytes the test wants. */
async function raw(
  headers: Record<string, string>,
  chunks: readonly Buffer[],
): Promise<{ headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders }> {
  const session = connect('http://x', { createConnection: () => connectSocket(path) });
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    'content-type': 'application/grpc',
    ...headers,
  });
  const seen: { headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders } = {
    headers: {},
    trailers: {},
  };
  stream.on('response', (given) => {
    seen.headers = given;
  });
  stream.on('trailers', (given) => {
    seen.trailers = given;
  });
  stream.resume();
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'close');
  session.destroy();
  return seen;
}

describe('gRPC server', () => {
  it('answers a unary call', async () => {
    const answer = await client.unary('/t.T/Reverse', Uint8Array.of(1, 2, 3), 5_000);
    assert.deepEqual([...answer], [3, 2, 1]);
  });

  it('reads a message that comes byte by byte', async () => {
    const bytes = [...frame(Buffer.from('abc'))].map((byte) => Buffer.of(byte));
    const { trailers } = await raw({ ':path': '/t.T/Reverse' }, bytes);
    assert.equal(trailers['grpc-status'], '0');
  });

  it('streams several answers to one request, in order', async () => {
    const call = client.bidi('/t.T/Count');
    call.write(Uint8Array.of(7, 8, 9));
    call.end();
    const seen: (number | undefined)[] = [];
    for (let message = await call.read(); message; message = await call.read()) {
      seen.push(message[0]);
    }
    assert.deepEqual(seen, [7, 8, 9]);
    assert.equal((await call.outcome).code, grpcStatus.ok);
  });

  it('goes on answering after the client has half-closed, and then ends with OK', async () => {
    const call = client.bidi('/t.T/Echo');
    call.write(Uint8Array.of(1));
    call.write(Uint8Array.of(2));
    call.end();
    assert.deepEqual([(await call.read())?.[0], (await call.read())?.[0]], [1, 2]);
    assert.equal(await call.read(), undefined);
    assert.equal((await call.outcome).code, grpcStatus.ok);
  });

  it('answers an unknown method with UNIMPLEMENTED', async () => {
    await assert.rejects(client.unary('/t.T/Nope', new Uint8Array(), 5_000), {
      code: grpcStatus.unimplemented,
      message: 'there is no method /t.T/Nope',
    });
  });

  it('refuses what is no gRPC with HTTP 415, grpc-web among it', async () => {
    for (const type of ['application/json', 'application/grpc-web']) {
      const { headers } = await raw({ ':path': '/t.T/Reverse', 'content-type': type }, []);
      assert.equal(headers[':status'], 415, type);
    }
    const { trailers } = await raw(
      { ':path': '/t.T/Reverse', 'content-type': 'application/grpc+proto' },
      [frame(new Uint8Array())],
    );
    assert.equal(trailers['grpc-status'], '0');
  });

  it('carries a status message with any character', async () => {
    await assert.rejects(client.unary('/t.T/Refuse', new Uint8Array(), 5_000), {
      code: grpcStatus.notFound,
      message: 'no "ä" 100%\n',
    });
  });

  it('tells a caller nothing about an unexpected error, and its own log everything', async () => {
    await assert.rejects(
      client.unary('/t.T/Break', new Uint8Array(), 5_000),
      (error) => error instanceof GrpcError && !error.message.includes('secret'),
    );
    assert.match(String(errors.pop()), /secret detail/);
  });

  it('refuses a message over 4 MiB with RESOURCE_EXHAUSTED', async () => {
    const { headers } = await raw({ ':path': '/t.T/Reverse' }, [Buffer.from([0, 1, 0, 0, 0])]);
    assert.equal(headers['grpc-status'], String(grpcStatus.resourceExhausted));
  });

  it('refuses a compressed message with UNIMPLEMENTED', async () => {
    const { headers } = await raw({ ':path': '/t.T/Reverse' }, [Buffer.from([1, 0, 0, 0, 0])]);
    assert.equal(headers['grpc-status'], String(grpcStatus.unimplemented));
  });

  it('ends a call that was cut inside a message with INTERNAL', async () => {
    const { headers } = await raw({ ':path': '/t.T/Reverse' }, [Buffer.from([0, 0, 0, 0, 9, 1])]);
    assert.equal(headers['grpc-status'], String(grpcStatus.internal));
  });

  it('ends a call at its deadline', async () => {
    const { headers } = await raw({ ':path': '/t.T/Hang', 'grpc-timeout': '20m' }, [
      frame(new Uint8Array()),
    ]);
    assert.equal(headers['grpc-status'], String(grpcStatus.deadlineExceeded));
  });

  it('aborts the signal of a call that the client cancels', async () => {
    const call = client.bidi('/t.T/Echo');
    call.write(Uint8Array.of(1));
    await call.read();
    const served = calls.at(-1);
    assert.ok(served);
    call.cancel();
    await once(served.signal, 'abort');
    assert.equal(served.isOpen, false);
    assert.equal((await call.outcome).code, grpcStatus.cancelled);
  });

  it('holds a client back whose messages nobody takes, and loses none', async () => {
    const call = client.bidi('/t.T/Echo');
    const count = 2_000;
    const message = new Uint8Array(1_000);
    for (let index = 0; index < count; index += 1) call.write(message);
    call.end();
    let read = 0;
    while ((await call.read()) !== undefined) read += 1;
    assert.equal(read, count);
  });

  it('says when the peer does not read', async () => {
    const call = client.bidi('/t.T/Echo');
    call.write(Uint8Array.of(1));
    await call.read();
    const served = calls.at(-1);
    assert.ok(served);
    let written = 0;
    while (served.write(new Uint8Array(10_240)) && written < 100) written += 1;
    assert.ok(written < 100, 'write() never said false');
    assert.ok(served.bufferedBytes > 0);
    call.cancel();
  });

  it('frees a stream whose client never ends its side', async () => {
    const session = connect('http://x', { createConnection: () => connectSocket(path) });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t.T/Reverse',
      'content-type': 'application/grpc',
    });
    stream.resume();
    stream.write(frame(new Uint8Array()));
    await once(stream, 'close');
    session.destroy();
  });

  it('knows the process at the other end of a unix socket', async () => {
    await client.unary('/t.T/Reverse', new Uint8Array(), 5_000);
    const peer = peers.at(-1);
    assert.equal(peer?.kind, 'unix');
    assert.ok(peer?.kind === 'unix');
    const { pid, uid, gid } = peer.credentials;
    assert.deepEqual([pid, uid, gid], [process.pid, process.getuid?.(), process.getgid?.()]);
  });

  it('gives the socket the mode that was asked for', () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('leaves a file alone that stands where its socket should', async () => {
    const file = join(dir, 'not-a-socket');
    writeFileSync(file, 'precious');
    const other = createGrpcServer({ methods: [], onError: () => {} });
    await assert.rejects(other.listenUnix(file, 0o600), { code: 'EADDRINUSE' });
    assert.equal(statSync(file).size, 8);
  });

  it('ends open streams with UNAVAILABLE when it closes', async () => {
    const place = join(dir, 'closing.sock');
    const closing = createGrpcServer({
      onError: () => {},
      methods: [
        {
          kind: 'bidi',
          path: '/t.T/Wait',
          handle: async (call) => {
            call.write(Uint8Array.of(1));
            while ((await call.read()) !== undefined);
          },
        },
      ],
    });
    await closing.listenUnix(place, 0o600);
    const visitor = new GrpcClient({ kind: 'unix', path: place });
    const call = visitor.bidi('/t.T/Wait');
    await call.read();
    await closing.close();
    assert.deepEqual(await call.outcome, {
      code: grpcStatus.unavailable,
      message: 'the server is going down',
    });
    await visitor.close();
  });
});

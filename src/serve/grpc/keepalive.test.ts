import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GrpcClient } from './client.ts';
import { createGrpcServer } from './server.ts';

/** The connection preface and an empty SETTINGS frame (RFC 9113, 3.4). */
const preface = Buffer.from(
  `${Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').toString('hex')}000000040000000000`,
  'hex',
);

describe('keepalive', () => {
  it('ends a connection whose peer answers no ping, and keeps one that does', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'chancery-ping-'));
    const path = join(dir, 'grpc.sock');
    const server = createGrpcServer({
      pingMs: 20,
      onError: () => {},
      methods: [{ kind: 'unary', path: '/t.T/Echo', handle: (request) => request }],
    });
    await server.listenUnix(path, 0o600);
    const alive = new GrpcClient({ kind: 'unix', path });
    await alive.unary('/t.T/Echo', new Uint8Array(), 5_000);
    const dead = connect(path);
    dead.write(preface);
    dead.resume();
    await once(dead, 'close');
    assert.deepEqual([...(await alive.unary('/t.T/Echo', Uint8Array.of(1), 5_000))], [1]);
    await alive.close();
    await server.close();
    rmSync(dir, { recursive: true });
  });
});

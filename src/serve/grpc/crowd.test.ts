import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { python } from '../../../test/support/connector.ts';
import { eventually } from '../../../test/support/running-mesh.ts';
import { GrpcClient } from './client.ts';
import { createGrpcServer, type GrpcServer } from './server.ts';

const connectionsPerUser = 20;
const idleMs = 200;
const isRoot = process.getuid?.() === 0;

describe('the crowd at a socket that anybody may open', { timeout: 30_000 }, () => {
  let server: GrpcServer;
  let path = '';
  beforeEach(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'crowd-'));
    chmodSync(dir, 0o755);
    path = join(dir, 'host.sock');
    server = createGrpcServer({
      methods: [
        { kind: 'unary', path: '/t/Echo', handle: (request) => request },
        { kind: 'bidi', path: '/t/Open', handle: async (call) => void (await call.read()) },
      ],
      onError: (error) => assert.fail(String(error)),
      ...{ idleMs, connectionsPerUser },
    });
    await server.listenHostUnix(path);
  });
  afterEach(async () => {
    await server.close();
    rmSync(join(path, '..'), { recursive: true });
  });

  it('connections that never ask are ended, whether they speak HTTP/2 or nothing; others are not', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const busy = new GrpcClient({ kind: 'unix', path });
    const call = busy.bidi('/t/Open');
    const mute = Array.from({ length: 200 }, () => connect(path).resume());
    const silent = Array.from({ length: 200 }, () =>
      connectHttp2('http://localhost', { createConnection: () => connect(path) }),
    );
    const ended = [...mute, ...silent].map((one) => {
      one.on('error', () => {});
      return once(one, 'close');
    });
    await Promise.all(ended);
    assert.deepEqual(await busy.unary('/t/Echo', Buffer.from('a'), 1_000), Buffer.from('a'));
    call.end();
    await call.outcome;
    await busy.close();
    await eventually(
      () => open() <= before + 2,
      5_000,
      () => `${open()} descriptors, ${before} before`,
    );
  });

  it('a client between two calls goes on, on a connection of its own making or a new one', async () => {
    const client = new GrpcClient({ kind: 'unix', path });
    await client.unary('/t/Echo', Buffer.from('a'), 1_000);
    await new Promise((wake) => setTimeout(wake, idleMs / 4));
    assert.deepEqual(await client.unary('/t/Echo', Buffer.from('b'), 1_000), Buffer.from('b'));
    await client.close();
  });

  it('one user cannot take all connections: what is too many is told why, others are served', async () => {
    const user = isRoot ? 1234 : process.getuid?.();
    const more = 5;
    const text = [
      'import socket, time, sys',
      `made = [socket.socket(socket.AF_UNIX) for _ in range(${connectionsPerUser + more})]`,
      'hello = b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0,0,0,4,0,0,0,0,0])',
      'def said(s):',
      '  s.settimeout(2); all = b""',
      '  try:',
      '    while True:',
      '      part = s.recv(4096)',
      '      if not part: return all.decode("latin1")',
      '      all += part',
      '  except TimeoutError: return ""',
      'for s in made:',
      `  s.connect(${JSON.stringify(path)}); s.sendall(hello)`,
      'print(sum("connections already" in said(s) for s in made[::-1][:5]), flush=True)',
    ].join('\n');
    const as = isRoot ? ['setpriv', '--reuid', '1234', '--clear-groups', python] : [python];
    const child = spawn(as[0] ?? '', [...as.slice(1), '-c', text], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [told] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(Number(String(told)), more, `of user ${user}`);
    if (isRoot) {
      const client = new GrpcClient({ kind: 'unix', path });
      assert.deepEqual(await client.unary('/t/Echo', Buffer.from('a'), 1_000), Buffer.from('a'));
      await client.close();
    }
    child.kill('SIGKILL');
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { grpcClient } from './grpc-client.ts';
import { inventoryMethods } from './inventory.ts';
import {
  inventoryService,
  levelReply,
  levelRequest,
  releaseReply,
  releaseRequest,
  reserveReply,
  reserveRequest,
} from './inventory-messages.ts';
import { contextOf, Problem } from './lib.ts';
import { decodeFields, encodeNumber, encodeText, numberOf, textOf } from './protobuf.ts';
import { startGrpc } from './stand-in.ts';

const context = contextOf({ 'x-request-id': 'r-1' });

test('bytes are those of the protobuf specification', () => {
  // "08 96 01" and "12 07 74 65 73 74 69 6e 67" are the examples of protobuf.dev's encoding page.
  assert.deepEqual(Buffer.concat(encodeNumber(1, 150)).toString('hex'), '089601');
  assert.deepEqual(Buffer.concat(encodeText(2, 'testing')).toString('hex'), '120774657374696e67');
  const fields = decodeFields(Buffer.from('089601120774657374696e67', 'hex'));
  assert.equal(numberOf(fields, 1), 150);
  assert.equal(textOf(fields, 2), 'testing');
});

test('unknown fields of every wire type are passed over, broken ones refused', () => {
  const unknown = Buffer.from(`0a0161${'4901020304050607084d01020304'}1005`, 'hex');
  assert.equal(numberOf(decodeFields(unknown), 2), 5);
  for (const broken of ['0a05aa', '08', '0b', 'ffffffffffffffffffffff']) {
    assert.throws(() => decodeFields(Buffer.from(broken, 'hex')), /malformed/);
  }
});

test('every message survives the way out and back', () => {
  const item = { sku: 'tea', title: 'Tee & Ähnliches', unitCents: 4_000_000, available: 0 };
  const reserve = { order: 'o', lines: [{ sku: 'tea', quantity: 300 }] };
  assert.deepEqual(levelRequest.decode(levelRequest.encode({ skus: ['a', 'b'] })).skus, ['a', 'b']);
  assert.deepEqual(levelReply.decode(levelReply.encode({ items: [item] })).items, [item]);
  assert.deepEqual(reserveRequest.decode(reserveRequest.encode(reserve)), reserve);
  const reply = { items: [item], totalCents: 7 };
  assert.deepEqual(reserveReply.decode(reserveReply.encode(reply)), reply);
  assert.deepEqual(releaseReply.decode(releaseReply.encode({ released: true })), {
    released: true,
  });
});

test('a reservation asked for twice is one, and released once', async (t) => {
  const port = await startGrpc(t, inventoryMethods());
  const client = grpcClient('inventory', { INVENTORY_ADDR: `127.0.0.1:${port}` });
  t.after(() => client.close());
  const reserve = reserveRequest.encode({ order: 'o-1', lines: [{ sku: 'mug', quantity: 3 }] });
  for (let round = 0; round < 2; round += 1) {
    const bytes = await client.call(`${inventoryService}/Reserve`, reserve, context);
    assert.equal(reserveReply.decode(bytes).items[0]?.available, 117);
  }
  const release = releaseRequest.encode({ order: 'o-1' });
  const answers: boolean[] = [];
  for (let round = 0; round < 2; round += 1) {
    const bytes = await client.call(`${inventoryService}/Release`, release, context);
    answers.push(releaseReply.decode(bytes).released);
  }
  assert.deepEqual(answers, [true, false]);
});

test('health is answered to gRPC and to plain HTTP/2', async (t) => {
  const port = await startGrpc(t, {});
  const client = grpcClient('inventory', { INVENTORY_ADDR: `127.0.0.1:${port}` });
  t.after(() => client.close());
  const health = await client.call('grpc.health.v1.Health/Check', new Uint8Array(), context);
  assert.deepEqual([...health], [8, 1]);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.close());
  const stream = session.request({ ':path': '/healthz' });
  const [headers] = await once(stream, 'response');
  // A stream that is not read to its end keeps its session, and so the test, open.
  stream.resume();
  assert.equal(headers[':status'], 200);
});

test('an unknown method is 501 and says so', async (t) => {
  const port = await startGrpc(t, {});
  const client = grpcClient('inventory', { INVENTORY_ADDR: `127.0.0.1:${port}` });
  t.after(() => client.close());
  await assert.rejects(client.call('a.B/C', new Uint8Array(), context), (thrown) => {
    assert.ok(thrown instanceof Problem);
    assert.equal(thrown.reply.status, 501);
    assert.match(String(thrown.reply.body), /no method a\.B\/C/);
    return true;
  });
});

/** A proxy that answers every stream in its own name. */
async function refusingProxy(
  t: TestContext,
  refuse: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<string> {
  const server = http2.createServer();
  server.on('session', (session) => session.on('stream', refuse));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('gRPC goes to the proxy of HTTP_PROXY by its :authority, with the tracing headers', async (t) => {
  const seen: http2.IncomingHttpHeaders[] = [];
  const url = await refusingProxy(t, (stream, headers) => {
    seen.push(headers);
    stream.respond({ 'grpc-status': 7, 'grpc-message': 'CH2101%3A not you' }, { endStream: true });
  });
  const client = grpcClient('inventory', { HTTP_PROXY: url });
  t.after(() => client.close());
  await assert.rejects(client.call('a.B/C', new Uint8Array(), context), (thrown) => {
    assert.ok(thrown instanceof Problem);
    assert.equal(thrown.reply.status, 403);
    assert.match(String(thrown.reply.body), /CH2101: not you/);
    return true;
  });
  assert.equal(seen[0]?.[':authority'], 'inventory');
  assert.equal(seen[0]?.[':path'], '/a.B/C');
  assert.equal(seen[0]?.['x-request-id'], 'r-1');
});

test('a plain HTTP refusal of the proxy keeps its status and body', async (t) => {
  const url = await refusingProxy(t, (stream) => {
    stream.respond({ ':status': 403, 'content-type': 'application/json' });
    stream.end('{"error":{"code":"CH2103"}}');
  });
  const client = grpcClient('inventory', { GRPC_PROXY: url, HTTP_PROXY: 'http://127.0.0.1:1' });
  t.after(() => client.close());
  await assert.rejects(client.call('a.B/C', new Uint8Array(), context), (thrown) => {
    assert.ok(thrown instanceof Problem);
    assert.equal(thrown.reply.status, 403);
    assert.equal(String(thrown.reply.body), '{"error":{"code":"CH2103"}}');
    return true;
  });
});

test('nobody behind the address is 502', async (t) => {
  const client = grpcClient('inventory', { INVENTORY_ADDR: '127.0.0.1:1' });
  t.after(() => client.close());
  await assert.rejects(client.call('a.B/C', new Uint8Array(), context), (thrown) => {
    assert.ok(thrown instanceof Problem);
    assert.equal(thrown.reply.status, 502);
    return true;
  });
});

for (const name of ['storefront', 'checkout', 'payments', 'ledger', 'inventory', 'reports']) {
  test(`${name} runs as a program and ends cleanly on SIGTERM`, async (t) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
      env: { PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const [line] = await once(child.stdout, 'data');
    assert.match(String(line), new RegExp(`${name} listens on 127\\.0\\.0\\.1:\\d+`));
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
}

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { checkoutApp } from './checkout.ts';
import { grpcClient } from './grpc-client.ts';
import { httpClient } from './http-client.ts';
import { inventoryMethods } from './inventory.ts';
import { ledgerApp } from './ledger.ts';
import { json } from './lib.ts';
import { paymentsApp } from './payments.ts';
import { reportsApp } from './reports.ts';
import { type Answer, ask, proxyStandIn, start, startGrpc } from './stand-in.ts';
import { storefrontApp } from './storefront.ts';

interface Shop {
  readonly storefront: number;
  readonly places: Record<string, number>;
  readonly seen: readonly import('node:http').IncomingMessage[];
}

/** The whole shop on free ports, the apps as they are, a stand-in where the mesh would be. */
async function openShop(t: TestContext, version = 'v1'): Promise<Shop> {
  const places: Record<string, number> = {};
  const proxy = await proxyStandIn(t, places);
  const http = httpClient({ HTTP_PROXY: proxy.url });
  const inventoryPort = await startGrpc(t, inventoryMethods());
  const inventory = grpcClient('inventory', { INVENTORY_ADDR: `127.0.0.1:${inventoryPort}` });
  t.after(() => {
    http.close();
    inventory.close();
  });
  places['ledger'] = await start(t, ledgerApp());
  places['payments'] = await start(t, paymentsApp(version, http));
  places['reports'] = await start(t, reportsApp(http));
  places['checkout'] = await start(t, checkoutApp({ http, inventory }));
  const storefront = await start(t, storefrontApp({ http, inventory }));
  return { storefront, places, seen: proxy.seen };
}

const tea = { items: [{ sku: 'tea', quantity: 2 }] };

async function teaLeft(shop: Shop): Promise<unknown> {
  const shelf = await ask(shop.storefront, 'GET /shelf');
  const items = shelf.json['items'] as readonly { sku: string; available: number }[];
  return items.find((item) => item.sku === 'tea')?.available;
}

function at(answer: Answer, path: string): unknown {
  let value: unknown = answer.json;
  for (const name of path.split('.')) value = (value as Record<string, unknown>)[name];
  return value;
}

test('an order passes through every service and says what each one saw', async (t) => {
  const shop = await openShop(t, 'v2');
  const bought = await ask(shop.storefront, 'POST /buy', { body: tea });
  assert.equal(bought.status, 201, bought.body);
  assert.equal(at(bought, 'totalCents'), 1780);
  assert.deepEqual(at(bought, 'hops.inventory.left'), [{ sku: 'tea', available: 498 }]);
  assert.deepEqual(at(bought, 'hops.payments.servedBy'), { service: 'payments', version: 'v2' });
  assert.equal(at(bought, 'hops.payments.charge.risk'), 'low');
  assert.equal(at(bought, 'hops.ledger.cents'), 1780);
  const order = await ask(shop.storefront, `GET /orders/${at(bought, 'order')}`);
  assert.deepEqual(order.json, bought.json);
});

test('services are called by absolute-form requests through HTTP_PROXY', async (t) => {
  const shop = await openShop(t);
  await ask(shop.storefront, 'POST /buy', { body: tea });
  assert.deepEqual(
    shop.seen.map((request) => `${request.method} ${request.url} ${request.headers.host}`),
    [
      'POST http://checkout/v1/orders checkout',
      'POST http://payments/v1/charges payments',
      'POST http://ledger/v1/entries ledger',
    ],
  );
});

test('one request id and the tracing headers go along the whole way', async (t) => {
  const shop = await openShop(t);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const headers = { 'x-request-id': 'r-1', traceparent, 'x-beta': '1', 'x-other': 'stays' };
  const bought = await ask(shop.storefront, 'POST /buy', { body: tea, headers });
  assert.equal(at(bought, 'requestId'), 'r-1');
  assert.equal(shop.seen.length, 3);
  for (const { headers: sent } of shop.seen) {
    assert.equal(sent['x-request-id'], 'r-1');
    assert.equal(sent['traceparent'], traceparent);
    assert.equal(sent['x-beta'], '1');
    assert.equal(sent['x-other'], undefined);
  }
});

test('a request that enters without an id gets one for its whole way', async (t) => {
  const shop = await openShop(t);
  const bought = await ask(shop.storefront, 'POST /buy', { body: tea });
  const ids = new Set(shop.seen.map(({ headers }) => headers['x-request-id']));
  assert.deepEqual([...ids], [at(bought, 'requestId')]);
});

test('a refusal deep down reaches the person with its status and body', async (t) => {
  const shop = await openShop(t);
  const reason = { error: { code: 'CH2101', message: 'payments may not call ledger' } };
  shop.places['ledger'] = await start(t, {
    name: 'ledger',
    version: 'v1',
    routes: { 'POST /v1/entries': () => json(403, reason) },
  });
  const bought = await ask(shop.storefront, 'POST /buy', { body: tea });
  assert.equal(bought.status, 403);
  assert.deepEqual(bought.json, reason);
  assert.equal(await teaLeft(shop), 500, 'the stock is put back');
});

test('a service that nobody knows is told as the proxy told it', async (t) => {
  const shop = await openShop(t);
  delete shop.places['ledger'];
  const journal = await ask(shop.storefront, 'GET /journal');
  assert.equal(journal.status, 404);
  assert.equal(at(journal, 'error.code'), 'CH2104');
});

test('a declined card is 402 and puts the stock back', async (t) => {
  const shop = await openShop(t);
  const bought = await ask(shop.storefront, 'POST /buy', { body: { ...tea, card: 'declined' } });
  assert.equal(bought.status, 402);
  assert.equal(await teaLeft(shop), 500);
});

test('more than the shelf holds is 409, an unknown article 404, a broken wish 400', async (t) => {
  const shop = await openShop(t);
  const wishes = [
    [
      409,
      {
        items: [
          { sku: 'tea', quantity: 300 },
          { sku: 'tea', quantity: 201 },
        ],
      },
    ],
    [404, { items: [{ sku: 'unicorn', quantity: 1 }] }],
    [400, { items: [] }],
    [400, { items: [{ sku: 'tea', quantity: 0.5 }] }],
  ] as const;
  for (const [status, body] of wishes) {
    const bought = await ask(shop.storefront, 'POST /buy', { body });
    assert.equal(bought.status, status, bought.body);
  }
  assert.equal(await teaLeft(shop), 500);
});

test('the page shows the shelf and sells by its form', async (t) => {
  const shop = await openShop(t);
  const page = await ask(shop.storefront, 'GET /');
  assert.match(page.body, /Copper kettle/);
  const response = await fetch(`http://127.0.0.1:${shop.storefront}/buy`, {
    method: 'POST',
    headers: { connection: 'close' },
    body: new URLSearchParams({ sku: 'mug', quantity: '1' }),
  });
  assert.equal(response.status, 201);
  await response.text();
});

test('reports sum the charges of both versions, read from the one ledger', async (t) => {
  const shop = await openShop(t, 'v1');
  await ask(shop.storefront, 'POST /buy', { body: tea });
  const proxy = await proxyStandIn(t, shop.places);
  const http = httpClient({ HTTP_PROXY: proxy.url });
  t.after(() => http.close());
  shop.places['payments'] = await start(t, paymentsApp('v2', http));
  await ask(shop.storefront, 'POST /buy', { body: tea });
  const summary = await ask(shop.storefront, 'GET /summary');
  assert.equal(summary.json['cents'], 3560);
  assert.deepEqual(summary.json['byVersion'], {
    'payments/v1': { charges: 1, cents: 1780 },
    'payments/v2': { charges: 1, cents: 1780 },
  });
});

test('the same charge on both versions is booked once', async (t) => {
  const shop = await openShop(t);
  const charge = { body: { order: 'o-1', cents: 100, card: 'good' } };
  const proxy = await proxyStandIn(t, shop.places);
  const http = httpClient({ HTTP_PROXY: proxy.url });
  t.after(() => http.close());
  const second = await start(t, paymentsApp('v2', http));
  const first = await ask(shop.places['payments'] ?? 0, 'POST /v1/charges', charge);
  const again = await ask(second, 'POST /v1/charges', charge);
  assert.deepEqual(again.json['ledger'], first.json['ledger']);
  const found = await ask(second, 'GET /v1/charges');
  assert.equal((found.json['charges'] as readonly unknown[]).length, 1);
});

test('each entry of the ledger carries the hash of the one before it', async (t) => {
  const port = await start(t, ledgerApp());
  for (const reference of ['a', 'b']) {
    const body = { reference, account: 'x', cents: 5, bookedBy: 'test' };
    await ask(port, 'POST /v1/entries', { body });
  }
  const journal = await ask(port, 'GET /v1/entries?account=x');
  const [first, second] = journal.json['entries'] as readonly Record<string, unknown>[];
  assert.equal(second?.['previous'], first?.['hash']);
  assert.match(String(first?.['hash']), /^[0-9a-f]{64}$/);
});

test('each request is one line of the log, and health checks are none', async (t) => {
  const lines: string[] = [];
  const port = await start(t, ledgerApp(), (line) => lines.push(line));
  assert.equal((await ask(port, 'GET /healthz')).status, 200);
  await ask(port, 'GET /v1/entries', { headers: { 'x-request-id': 'r-9' } });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^ledger v1 GET \/v1\/entries 200 \d+ms r-9$/);
});

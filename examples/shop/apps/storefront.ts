import { randomUUID } from 'node:crypto';
import { type GrpcClient, grpcClient } from './grpc-client.ts';
import { type HttpClient, httpClient } from './http-client.ts';
import { type Item, inventoryService, levelReply, levelRequest } from './inventory-messages.ts';
import {
  type App,
  type AppRequest,
  type Context,
  html,
  json,
  jsonBody,
  Problem,
  type Reply,
  type RunningApp,
  runApp,
  serve,
} from './lib.ts';
import { shopPage } from './storefront-page.ts';

/** The shop's page and its JSON twin. */

export interface Upstreams {
  readonly http: HttpClient;
  readonly inventory: GrpcClient;
}

export function storefrontApp(upstreams: Upstreams): App {
  const { http } = upstreams;
  const pass = async (service: string, path: string, { context }: AppRequest): Promise<Reply> =>
    json(200, await http.call({ service, method: 'GET', path, context }));
  return {
    name: 'storefront',
    version: 'v1',
    routes: {
      'GET /': (request) => showShop(upstreams, request.context),
      'GET /shelf': async (request) =>
        json(200, { items: await readShelf(upstreams.inventory, request.context) }),
      'POST /buy': (request) => buy(http, request),
      'GET /orders/:id': (request) =>
        pass('checkout', `/v1/orders/${request.params['id'] ?? ''}`, request),
      'GET /summary': (request) => pass('reports', '/v1/summary', request),
      // Nobody lets the storefront read the books: this shows how a refusal looks from inside of an app.
      'GET /journal': (request) => pass('ledger', '/v1/entries', request),
    },
  };
}

async function showShop(upstreams: Upstreams, context: Context): Promise<Reply> {
  try {
    return html(shopPage({ items: await readShelf(upstreams.inventory, context) }));
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    return html(shopPage({ items: [], problem: Buffer.from(thrown.reply.body).toString('utf8') }));
  }
}

async function readShelf(inventory: GrpcClient, context: Context): Promise<readonly Item[]> {
  const message = levelRequest.encode({ skus: [] });
  const reply = await inventory.call(`${inventoryService}/Level`, message, context);
  return levelReply.decode(reply).items;
}

/** Takes JSON (`{ items: [{ sku, quantity }], card? }`) or the page's form (`sku=tea&quantity=1`). */
async function buy(http: HttpClient, request: AppRequest): Promise<Reply> {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  const wish = isForm ? wishOfForm(request.body.toString('utf8')) : jsonBody(request);
  // The id is made here, so that an order that is sent twice is still one order.
  const body = { ...wish, order: `o-${randomUUID().slice(0, 8)}` };
  const { context } = request;
  const call = { service: 'checkout', method: 'POST', path: '/v1/orders', body, context } as const;
  return json(201, await http.call(call));
}

function wishOfForm(text: string): Readonly<Record<string, unknown>> {
  const form = new URLSearchParams(text);
  const quantity = Number(form.get('quantity') ?? 1);
  return { items: [{ sku: form.get('sku') ?? '', quantity }] };
}

function startStorefront(port: number): Promise<RunningApp> {
  return serve(storefrontApp({ http: httpClient(), inventory: grpcClient('inventory') }), port);
}

if (import.meta.main) await runApp('storefront', startStorefront, 8080);

import { randomUUID } from 'node:crypto';
import { type GrpcClient, grpcClient } from './grpc-client.ts';
import { type HttpClient, httpClient } from './http-client.ts';
import {
  inventoryService,
  type Line,
  releaseRequest,
  reserveReply,
  reserveRequest,
} from './inventory-messages.ts';
import {
  type App,
  type AppRequest,
  type Context,
  countField,
  json,
  jsonBody,
  Problem,
  printLine,
  type RunningApp,
  runApp,
  serve,
  textField,
} from './lib.ts';

/** Takes an order: puts its stock aside, charges it, and puts the stock back when the charge fails. */

/** Orders kept in memory, oldest forgotten first. */
const ordersMax = 10_000;

const linesMax = 20;

export interface Upstreams {
  readonly http: HttpClient;
  readonly inventory: GrpcClient;
}

type Order = Readonly<Record<string, unknown>>;

export function checkoutApp(upstreams: Upstreams): App {
  const orders = new Map<string, Order>();
  return {
    name: 'checkout',
    version: 'v1',
    routes: {
      'POST /v1/orders': async (request) => {
        const id = orderId(request);
        const known = orders.get(id);
        if (known !== undefined) return json(200, known);
        const order = await takeOrder(upstreams, id, request);
        orders.set(id, order);
        const oldest = orders.keys().next().value;
        if (orders.size > ordersMax && oldest !== undefined) orders.delete(oldest);
        return json(201, order);
      },
      'GET /v1/orders/:id': (request) => {
        const order = orders.get(request.params['id'] ?? '');
        if (order === undefined) throw new Problem(404, 'checkout knows no such order');
        return json(200, order);
      },
    },
  };
}

/** The caller may name the order, so that a repeated request is the same order. */
function orderId(request: AppRequest): string {
  const given = jsonBody(request)['order'];
  return given === undefined ? `o-${randomUUID().slice(0, 8)}` : textField({ given }, 'given');
}

async function takeOrder(upstreams: Upstreams, id: string, request: AppRequest): Promise<Order> {
  const body = jsonBody(request);
  const lines = linesOf(body['items']);
  const card = body['card'] === undefined ? 'good' : textField(body, 'card');
  const { context } = request;
  const reserved = await reserve(upstreams.inventory, id, lines, context);
  const charged = await charge(upstreams, { id, cents: reserved.totalCents, card, context });
  return {
    order: id,
    requestId: context.requestId,
    totalCents: reserved.totalCents,
    lines,
    hops: {
      checkout: { servedBy: { service: 'checkout', version: 'v1' } },
      inventory: { left: reserved.items.map(({ sku, available }) => ({ sku, available })) },
      payments: { servedBy: charged['servedBy'], charge: charged['charge'] },
      ledger: charged['ledger'],
    },
  };
}

function linesOf(items: unknown): readonly Line[] {
  if (!Array.isArray(items) || items.length === 0 || items.length > linesMax) {
    throw new Problem(400, `"items" must be a list of 1 to ${linesMax} {sku, quantity}`);
  }
  return items.map((item: unknown) => {
    const fields = { ...(item as Readonly<Record<string, unknown>>) };
    return { sku: textField(fields, 'sku'), quantity: countField(fields, 'quantity') };
  });
}

async function reserve(
  inventory: GrpcClient,
  order: string,
  lines: readonly Line[],
  context: Context,
) {
  const message = reserveRequest.encode({ order, lines });
  return reserveReply.decode(await inventory.call(`${inventoryService}/Reserve`, message, context));
}

async function charge(
  { http, inventory }: Upstreams,
  order: {
    readonly id: string;
    readonly cents: number;
    readonly card: string;
    readonly context: Context;
  },
): Promise<Readonly<Record<string, unknown>>> {
  const { id, cents, card, context } = order;
  try {
    const body = { order: id, cents, card };
    const call = {
      service: 'payments',
      method: 'POST',
      path: '/v1/charges',
      body,
      context,
    } as const;
    return await http.call(call);
  } catch (thrown) {
    const message = releaseRequest.encode({ order: id });
    await inventory.call(`${inventoryService}/Release`, message, context).catch(() => {
      printLine(`checkout v1 could not release the stock of ${id} ${context.requestId}`);
    });
    throw thrown;
  }
}

function startCheckout(port: number): Promise<RunningApp> {
  return serve(checkoutApp({ http: httpClient(), inventory: grpcClient('inventory') }), port);
}

if (import.meta.main) await runApp('checkout', startCheckout, 8081);

import { GrpcError, grpcStatus } from './grpc.ts';
import { type GrpcMethods, serveGrpc } from './grpc-server.ts';
import {
  type Item,
  inventoryService,
  type Line,
  levelReply,
  levelRequest,
  releaseReply,
  releaseRequest,
  reserveReply,
  reserveRequest,
} from './inventory-messages.ts';
import { type RunningApp, runApp } from './lib.ts';

/** The shelf. A reservation holds all lines of an order or none. */

/** Orders that have stock put aside; the oldest counts as shipped when there are more. */
const reservationsMax = 10_000;

const opening: readonly Item[] = [
  { sku: 'tea', title: 'Assam tea, 250 g', unitCents: 890, available: 500 },
  { sku: 'mug', title: 'Stoneware mug', unitCents: 1450, available: 120 },
  { sku: 'kettle', title: 'Copper kettle', unitCents: 12900, available: 5 },
];

export function inventoryMethods(items: readonly Item[] = opening): GrpcMethods {
  const shelf = new Map(items.map((item) => [item.sku, item]));
  const reservations = new Map<string, readonly Line[]>();
  const move = (lines: readonly Line[], sign: 1 | -1): void => {
    for (const { sku, quantity } of lines) {
      const item = shelf.get(sku);
      if (item === undefined) continue;
      shelf.set(sku, { ...item, available: item.available + sign * quantity });
    }
  };
  return {
    [`${inventoryService}/Level`]: (bytes) => {
      const { skus } = levelRequest.decode(bytes);
      const wanted = skus.length === 0 ? [...shelf.keys()] : skus;
      return levelReply.encode({ items: wanted.map((sku) => find(shelf, sku)) });
    },
    [`${inventoryService}/Reserve`]: (bytes) => {
      const { order, lines: asked } = reserveRequest.decode(bytes);
      const known = reservations.get(order);
      const lines = known ?? checkLines(order, asked, shelf);
      if (known === undefined) {
        move(lines, -1);
        keep(reservations, order, lines);
      }
      const found = lines.map((line) => find(shelf, line.sku));
      const cents = lines.map((line, index) => line.quantity * (found[index]?.unitCents ?? 0));
      return reserveReply.encode({ items: found, totalCents: cents.reduce((a, b) => a + b, 0) });
    },
    [`${inventoryService}/Release`]: (bytes) => {
      const { order } = releaseRequest.decode(bytes);
      const lines = reservations.get(order);
      if (lines !== undefined) move(lines, 1);
      return releaseReply.encode({ released: reservations.delete(order) });
    },
  };
}

/** Lines of the same article are one line, so that they are not each compared with the whole shelf. */
function checkLines(
  order: string,
  asked: readonly Line[],
  shelf: ReadonlyMap<string, Item>,
): readonly Line[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of asked) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  }
  if (order === '' || quantities.size === 0) {
    throw new GrpcError(grpcStatus.invalidArgument, 'an order needs an id and at least one line');
  }
  const lines = [...quantities].map(([sku, quantity]) => ({ sku, quantity }));
  for (const { sku, quantity } of lines) {
    const { available, title } = find(shelf, sku);
    if (quantity < 1) throw new GrpcError(grpcStatus.invalidArgument, `how many of ${sku}?`);
    if (quantity > available) {
      const message = `only ${available} left of "${title}", ${quantity} were asked for`;
      throw new GrpcError(grpcStatus.failedPrecondition, message);
    }
  }
  return lines;
}

function find(shelf: ReadonlyMap<string, Item>, sku: string): Item {
  const item = shelf.get(sku);
  if (item === undefined) throw new GrpcError(grpcStatus.notFound, `no article "${sku}"`);
  return item;
}

function keep(
  reservations: Map<string, readonly Line[]>,
  order: string,
  lines: readonly Line[],
): void {
  reservations.set(order, lines);
  const oldest = reservations.keys().next().value;
  if (reservations.size > reservationsMax && oldest !== undefined) reservations.delete(oldest);
}

function startInventory(port: number): Promise<RunningApp> {
  return serveGrpc('inventory v1', inventoryMethods(), port);
}

if (import.meta.main) await runApp('inventory', startInventory, 8084);

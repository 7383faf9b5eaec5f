import { type HttpClient, httpClient } from './http-client.ts';
import {
  type App,
  type Context,
  countField,
  json,
  jsonBody,
  Problem,
  type RunningApp,
  runApp,
  serve,
  textField,
} from './lib.ts';

/** Charges cards. Version v2 also scores the risk of a charge; both book the same way, so both may run at once. */

/** Charges kept in memory, newest last; older ones are in the ledger alone. */
const chargesMax = 10_000;

export interface Charge {
  readonly order: string;
  readonly cents: number;
  readonly chargedBy: string;
  /** Only v2 says so. */
  readonly risk?: 'low' | 'high';
}

export function paymentsApp(version: string, http: HttpClient): App {
  const charges = new Map<string, Charge>();
  const servedBy = { service: 'payments', version };
  return {
    name: 'payments',
    version,
    routes: {
      'POST /v1/charges': async (request) => {
        const body = jsonBody(request);
        const order = textField(body, 'order');
        const cents = countField(body, 'cents');
        if (textField(body, 'card') === 'declined') {
          throw new Problem(402, `payments ${version}: the card was declined`);
        }
        const chargedBy = `payments/${version}`;
        const ledger = await book(http, { order, cents, chargedBy }, request.context);
        const charge: Charge = { order, cents, chargedBy, ...riskOf(version, cents) };
        remember(charges, charge);
        return json(201, { servedBy, charge, ledger });
      },
      // The other version knows charges that this one does not, so all are read from the ledger.
      'GET /v1/charges': async (request) => {
        const booked = await http.call({
          service: 'ledger',
          method: 'GET',
          path: '/v1/entries?account=charges',
          context: request.context,
        });
        const entries = Array.isArray(booked['entries']) ? booked['entries'] : [];
        return json(200, { servedBy, charges: entries.map(chargeOf) });
      },
      'GET /v1/charges/:order': async (request) => {
        const order = request.params['order'] ?? '';
        const known = charges.get(order);
        if (known !== undefined) return json(200, { servedBy, charge: known });
        const path = `/v1/entries/${encodeURIComponent(`charge-${order}`)}`;
        const { context } = request;
        const booked = await http.call({ service: 'ledger', method: 'GET', path, context });
        return json(200, { servedBy, charge: chargeOf(booked['entry']) });
      },
      // For the team's own eyes on its own host; services/payments.yaml denies it to every caller.
      'GET /internal/dump': () => json(200, { servedBy, charges: [...charges.values()] }),
    },
  };
}

/** The reference makes a second attempt harmless, also when it lands on the other version. */
async function book(
  http: HttpClient,
  charge: { readonly order: string; readonly cents: number; readonly chargedBy: string },
  context: Context,
): Promise<unknown> {
  const reference = `charge-${charge.order}`;
  const { cents, chargedBy: bookedBy } = charge;
  const body = { reference, account: 'charges', cents, bookedBy };
  const booked = await http.call({
    service: 'ledger',
    method: 'POST',
    path: '/v1/entries',
    body,
    context,
  });
  return booked['entry'];
}

function riskOf(version: string, cents: number): { readonly risk?: 'low' | 'high' } {
  return version === 'v1' ? {} : { risk: cents > 100_00 ? 'high' : 'low' };
}

function remember(charges: Map<string, Charge>, charge: Charge): void {
  charges.set(charge.order, charge);
  const oldest = charges.keys().next().value;
  if (charges.size > chargesMax && oldest !== undefined) charges.delete(oldest);
}

function chargeOf(entry: unknown): Charge {
  const { reference, cents, bookedBy } = { ...(entry as Readonly<Record<string, unknown>>) };
  const order = String(reference).replace(/^charge-/, '');
  return { order, cents: Number(cents), chargedBy: String(bookedBy) };
}

function startPayments(port: number): Promise<RunningApp> {
  return serve(paymentsApp(process.env['PAYMENTS_VERSION'] ?? 'v1', httpClient()), port);
}

if (import.meta.main) await runApp('payments', startPayments, 8082);

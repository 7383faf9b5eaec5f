import { createHash } from 'node:crypto';
import {
  type App,
  countField,
  json,
  jsonBody,
  Problem,
  type RunningApp,
  runApp,
  serve,
  textField,
} from './lib.ts';

/** The append-only journal: each entry carries the hash of the one before it, so none can be changed unseen. */

/** The journal is in memory; when it is full it says so rather than forget money. */
const entriesMax = 100_000;

/** A page of the newest entries. */
const pageMax = 1000;

export interface Entry {
  readonly seq: number;
  readonly at: string;
  /** What the booking is about; booking the same reference again changes nothing. */
  readonly reference: string;
  readonly account: string;
  readonly cents: number;
  readonly bookedBy: string;
  readonly previous: string;
  readonly hash: string;
}

export function ledgerApp(): App {
  const entries: Entry[] = [];
  const byReference = new Map<string, Entry>();
  return {
    name: 'ledger',
    version: 'v1',
    routes: {
      'POST /v1/entries': (request) => {
        const body = jsonBody(request);
        const reference = textField(body, 'reference');
        const known = byReference.get(reference);
        if (known !== undefined) return json(200, { entry: known });
        if (entries.length >= entriesMax) throw new Problem(507, 'the journal is full');
        const entry = nextEntry(entries.at(-1), {
          reference,
          account: textField(body, 'account'),
          cents: countField(body, 'cents'),
          bookedBy: textField(body, 'bookedBy'),
        });
        entries.push(entry);
        byReference.set(reference, entry);
        return json(201, { entry });
      },
      'GET /v1/entries': (request) => {
        const account = request.url.searchParams.get('account');
        const found = entries.filter((entry) => account === null || entry.account === account);
        return json(200, { count: found.length, entries: found.slice(-pageMax) });
      },
      'GET /v1/entries/:reference': (request) => {
        const entry = byReference.get(request.params['reference'] ?? '');
        if (entry === undefined) throw new Problem(404, 'nothing is booked under this reference');
        return json(200, { entry });
      },
    },
  };
}

type Booking = Pick<Entry, 'reference' | 'account' | 'cents' | 'bookedBy'>;

function nextEntry(last: Entry | undefined, booking: Booking): Entry {
  const previous = last?.hash ?? '0'.repeat(64);
  const unsealed = {
    seq: (last?.seq ?? 0) + 1,
    at: new Date().toISOString(),
    ...booking,
    previous,
  };
  const hash = createHash('sha256').update(JSON.stringify(unsealed)).digest('hex');
  return { ...unsealed, hash };
}

function startLedger(port: number): Promise<RunningApp> {
  return serve(ledgerApp(), port);
}

if (import.meta.main) await runApp('ledger', startLedger, 8083);

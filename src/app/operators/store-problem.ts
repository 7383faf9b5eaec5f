import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import type { Store } from '../../store/store.ts';

/** What does not take a write, why, and what to do. */
export interface StoreProblem {
  readonly what: 'the store' | 'the ledger in the store';
  readonly reason: string;
  readonly help: string;
}

/** A store that takes longer than this to write a line is not one to serve from. */
const storeMs = 2_000;
const probeKind = 'probe';
/** What looks often, such as a load balancer, does not make the store write each time. */
const storeEveryMs = 1_000;

const usualHelp =
  'bring the database back, or make room on its disk; the control plane goes on by itself';

/** By SQLSTATE of PostgreSQL (appendix A of its manual), where the usual help would lead astray. */
const helps: Readonly<Record<string, string>> = {
  '25006':
    'the database is read-only: a standby, or default_transaction_read_only is on; let its address lead to the primary',
  '28P01': 'the password of the store is another now: start the control plane with the new one',
  '28000': 'the database lets its user not in any more: look at pg_hba.conf and the role',
  '42501': 'its user may not write any more: give it back the ownership of its tables',
  '53300': 'other clients have all its connections: end some, or raise max_connections',
  '55P03': 'somebody holds a lock on its tables: pg_locks and pg_stat_activity say who',
  '57014':
    'a statement waited too long, most often for a lock: pg_locks and pg_stat_activity say who holds it',
};

type WritableStore = Pick<Store, 'put' | 'ledgerProblem'>;

/** Whether the store takes a write now, looked at no more than once a second. */
export function storeWatch(
  store: WritableStore,
  clock: Clock,
): () => Promise<StoreProblem | undefined> {
  let lastAtMs = Number.NEGATIVE_INFINITY;
  let last: Promise<StoreProblem | undefined> = Promise.resolve(undefined);
  return () => {
    if (clock.monotonicMs() - lastAtMs >= storeEveryMs) {
      lastAtMs = clock.monotonicMs();
      last = look(store, clock);
    }
    return last;
  };
}

async function look(store: WritableStore, clock: Clock): Promise<StoreProblem | undefined> {
  const problem = await write(store, clock);
  if (problem !== undefined) return problem;
  // It has tables of its own, which may fail alone.
  return store.ledgerProblem === undefined
    ? undefined
    : problemOf('the ledger in the store', store.ledgerProblem);
}

async function write(store: WritableStore, clock: Clock): Promise<StoreProblem | undefined> {
  const value = Buffer.from(String(clock.nowMs()));
  const written = store.put(probeKind, 'ready', value, undefined).then(
    () => undefined,
    (error: unknown) => problemOf('the store', error),
  );
  let cancel = (): void => {};
  const late = new Promise<StoreProblem>((resolve) => {
    const reason = `it took longer than ${storeMs} ms to write`;
    cancel = clock.after(storeMs, () => resolve({ what: 'the store', reason, help: usualHelp }));
  });
  const problem = await Promise.race([written, late]);
  cancel();
  return problem;
}

function problemOf(what: StoreProblem['what'], error: unknown): StoreProblem {
  return { what, reason: `it does not take a write: ${messageOf(error)}`, help: helpOf(error) };
}

function helpOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return (typeof code === 'string' ? helps[code] : undefined) ?? usualHelp;
}

/** What somebody hears whose call came to nothing for it. */
export function storeFault(error: unknown): Finding {
  return {
    code: 'CH5205',
    severity: 'error',
    message: 'the store does not do what this call needs, and nothing comes of it',
    found: messageOf(error),
    help: helpOf(error),
  };
}

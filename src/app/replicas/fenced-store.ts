import { ChanceryError } from '../../base/error.ts';
import type { Store } from '../../store/store.ts';

/** What only the leader writes: verdicts, revisions, steps of the CA, bundles of partners. */
export type FencedStore = Pick<
  Store,
  'get' | 'list' | 'put' | 'remove' | 'record' | 'ledger' | 'flush'
>;

/**
 * The store for whoever leads: each write stands only while the epoch is the newest, which the store itself looks at.
 * Errors: CH5450, this replica does not lead (any more).
 */
export function fencedStore(store: Store, epoch: () => number | undefined): FencedStore {
  const own = (): number => {
    const known = epoch();
    if (known === undefined) throw notLeading();
    return known;
  };
  return {
    get: (kind, id) => store.get(kind, id),
    list: (kind) => store.list(kind),
    put: async (kind, id, value, ifVersion) => {
      const version = await store.put(kind, id, value, ifVersion, own());
      // Whoever writes over whatever is there is refused for nothing but its epoch.
      if (version === undefined && ifVersion === undefined) throw notLeading();
      return version;
    },
    remove: async (kind, id) => store.remove(kind, id, own()),
    record: (entry) => store.record(entry),
    ledger: (query) => store.ledger(query),
    flush: () => store.flush(),
  };
}

function notLeading(): ChanceryError {
  return new ChanceryError({
    code: 'CH5450',
    message: 'another replica leads now; what this one had begun to write does not count',
    help: 'ask again; chancery status says who leads',
  });
}

import type { NewLedgerEntry } from '../../base/ledger.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { ReportedUse } from '../../serve/api/wire.ts';
import type { Store, StoredDocument } from '../../store/store.ts';
import type { MetricName } from '../operators/metric-table.ts';
import type { Feed, Followed } from '../replicas/feed.ts';

export const useKind = 'breakglass-use';

export interface Use {
  readonly uses: number;
  readonly lastMs: number;
}

/** As it lies in the store. */
interface StoredUse extends Use {
  /** How far the host's own count was; left out where an agent of before told it. */
  readonly counted?: { readonly sinceMs: number; readonly upTo: number };
}

/** What hosts told of a grant last. */
const toldMax = 1_000;
/** As often as another replica may be writing what the same host said a moment ago. */
const triesMax = 5;

/** How often each grant was used, by what hosts report; one document for each grant and host. */
export class GrantUses {
  readonly #store: Pick<Store, 'get' | 'put' | 'record' | 'flush' | 'ledger'>;
  readonly #metrics: Metrics<MetricName>;
  readonly #isKnown: UsesParts['isKnown'];
  /** By `GRANT HOST`. */
  readonly #uses = new Map<string, Use>();

  private constructor(parts: UsesParts) {
    this.#store = parts.store;
    this.#metrics = parts.metrics;
    this.#isKnown = parts.isKnown;
  }

  static async open(parts: UsesParts): Promise<GrantUses> {
    const uses = new GrantUses(parts);
    const stored = await parts.store.list(useKind);
    for (const one of stored) uses.#uses.set(one.id, useOf(one));
    // Of grants that are not kept any more.
    for (const { id } of stored) {
      if (await parts.isKnown(grantIn(id))) continue;
      uses.#uses.delete(id);
      await parts.store.remove(useKind, id);
    }
    parts.feed.follow(useKind, stored, (changes) => uses.#take(changes));
    return uses;
  }

  of(grant: string): Use {
    let [uses, lastMs] = [0, 0];
    for (const [key, use] of this.#uses) {
      if (grantIn(key) !== grant) continue;
      uses += use.uses;
      lastMs = Math.max(lastMs, use.lastMs);
    }
    return { uses, lastMs };
  }

  /** Durable when it resolves: the host then forgets what it told. Of grants that nobody gave nothing is kept. */
  async take(host: string, told: readonly ReportedUse[], nowMs: number): Promise<void> {
    for (const one of told) {
      const { grant, lastMs } = one;
      if (!(one.uses > 0) || !(await this.#isKnown(grant))) continue;
      const added = await this.#add(`${grant} ${host}`, one);
      this.#metrics.count('chancery_breakglass_uses_total', {}, added);
      // Counted by one that ended before it could say so, and before it was in the ledger, perhaps.
      const uses = added > 0 || (await this.#isTold(host, one)) ? added : one.uses;
      if (uses === 0) continue;
      const facts = { host, uses, lastMs };
      const entry: NewLedgerEntry = { atMs: nowMs, kind: useKind, subject: grant, facts };
      this.#store.record(entry);
    }
    if (told.length > 0) await this.#store.flush();
  }

  async #isTold(host: string, { grant, lastMs }: ReportedUse): Promise<boolean> {
    const told = await this.#store.ledger({ kind: useKind, subject: grant, limit: toldMax });
    return told.some(({ facts }) => facts['host'] === host && Number(facts['lastMs']) >= lastMs);
  }

  /** How many of them were not counted yet. */
  async #add(id: string, more: ReportedUse): Promise<number> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const stored = await this.#store.get(useKind, id);
      const before = stored === undefined ? { uses: 0, lastMs: 0 } : useOf(stored);
      const added = newOf(before, more);
      if (added === 0) return added;
      const { counted } = more;
      const after: StoredUse = {
        uses: before.uses + added,
        lastMs: Math.max(before.lastMs, more.lastMs),
        ...(counted && {
          counted: { sinceMs: counted.sinceMs, upTo: counted.before + more.uses },
        }),
      };
      const bytes = Buffer.from(JSON.stringify(after));
      const version = await this.#store.put(useKind, id, bytes, stored?.version ?? 0);
      if (version === undefined) continue;
      this.#uses.set(id, after);
      return added;
    }
    throw new Error('the uses of a grant are being written elsewhere');
  }

  #take(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      if (document === undefined) this.#uses.delete(id);
      else this.#uses.set(id, useOf(document));
    }
  }
}

interface UsesParts {
  readonly store: Pick<Store, 'list' | 'get' | 'put' | 'remove' | 'record' | 'flush' | 'ledger'>;
  readonly feed: Pick<Feed, 'follow'>;
  readonly metrics: Metrics<MetricName>;
  readonly isKnown: (grant: string) => Promise<boolean>;
}

function grantIn(id: string): string {
  return id.split(' ', 1)[0] ?? '';
}

function useOf({ value }: StoredDocument): StoredUse {
  return JSON.parse(Buffer.from(value).toString('utf8')) as StoredUse;
}

/** A host that had no answer tells again what may have been counted. */
function newOf({ counted: known }: StoredUse, { uses, counted }: ReportedUse): number {
  if (counted === undefined || known?.sinceMs !== counted.sinceMs) return uses;
  return Math.max(0, counted.before + uses - known.upTo);
}

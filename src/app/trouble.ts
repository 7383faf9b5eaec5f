import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import type { XdsEvent } from '../serve/xds/events.ts';
import type { ProxyStatus, RejectedResource } from '../serve/xds/proxy-status.ts';
import type { Store } from '../store/store.ts';
import { type StoreProblem, storeWatch } from './operators/store-problem.ts';

interface TroubleParts {
  readonly store: Pick<Store, 'put' | 'ledgerProblem'>;
  readonly status: (proxy: string) => ProxyStatus;
  readonly clock: Clock;
}

/** A store that was well is asked less often than one that is not. */
const askWellMs = 5_000;
/** Of a mesh in which all have the same trouble, some are looked at. */
const suspectsMax = 1_000;
/** Of each kind; what is counted behind them is more of the same. */
const shownMax = 5;

type StoreState =
  | { readonly kind: 'well' }
  | { readonly kind: 'away'; readonly sinceMs: number; readonly problem: StoreProblem };

/**
 * What is wrong around a control plane that itself goes on: a store that takes nothing, and proxies that refuse or do not
 * take what they are sent. Costs nothing for proxies that are well.
 */
export class Trouble {
  readonly #parts: TroubleParts;
  readonly #probe: ReturnType<typeof storeWatch>;
  readonly #suspects = new Set<string>();
  #store: StoreState = { kind: 'well' };
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
    this.#probe = storeWatch(parts.store, parts.clock);
  }

  follow(event: XdsEvent): void {
    if (event.kind !== 'nacked' && event.kind !== 'stuck' && event.kind !== 'quarantined') return;
    if (this.#suspects.size < suspectsMax) this.#suspects.add(event.proxy);
  }

  /** As far as it is known now; the store is asked meanwhile, and what it says is told the next time. */
  look(): readonly Finding[] {
    void this.#askStore();
    return [...this.#storeFindings(), ...this.#proxyFindings()];
  }

  async #askStore(): Promise<void> {
    const { clock } = this.#parts;
    const isDue = clock.monotonicMs() - this.#askedAtMs >= askWellMs;
    if (this.#store.kind === 'well' && !isDue) return;
    this.#askedAtMs = clock.monotonicMs();
    const problem = await this.#probe();
    const sinceMs = this.#store.kind === 'away' ? this.#store.sinceMs : clock.nowMs();
    this.#store = problem === undefined ? { kind: 'well' } : { kind: 'away', sinceMs, problem };
  }

  #storeFindings(): readonly Finding[] {
    if (this.#store.kind === 'well') return [];
    const { sinceMs, problem } = this.#store;
    return [
      {
        code: 'CH5205',
        severity: 'error',
        message: `${problem.what} takes nothing since ${new Date(sinceMs).toISOString()}; traffic goes on, and nothing new is signed or admitted`,
        found: problem.reason,
        help: problem.help,
      },
    ];
  }

  #proxyFindings(): readonly Finding[] {
    const stuck: Finding[] = [];
    const refused = new Map<string, { readonly first: RejectedResource; readonly by: string[] }>();
    for (const proxy of this.#suspects) {
      const status = this.#parts.status(proxy);
      if (status.rejected.length === 0 && status.state !== 'stuck') {
        this.#suspects.delete(proxy);
        continue;
      }
      if (status.state === 'stuck') stuck.push(stuckFinding(proxy, status.sinceMs));
      for (const one of status.rejected) {
        const key = `${one.resource} ${one.version}`;
        const known = refused.get(key);
        if (known === undefined) refused.set(key, { first: one, by: [proxy] });
        else known.by.push(proxy);
      }
    }
    const refusals = [...refused.values()].map(refusalFinding);
    return [...stuck.slice(0, shownMax), ...refusals.slice(0, shownMax)];
  }
}

function stuckFinding(proxy: string, sinceMs: number): Finding {
  return {
    code: 'CH5420',
    severity: 'error',
    message: `${proxy} does not acknowledge what it was sent since ${new Date(sinceMs).toISOString()}; all others go on`,
    help: 'look at its Envoy and its host; restart it if it hangs',
  };
}

function refusalFinding(refusal: {
  readonly first: RejectedResource;
  readonly by: readonly string[];
}): Finding {
  const { first, by } = refusal;
  const [at] = first.from;
  const others = by.length === 1 ? '' : ` and ${by.length - 1} more`;
  return {
    code: 'CH5422',
    severity: 'error',
    message: `${by[0]}${others} ${by.length === 1 ? 'refuses' : 'refuse'} ${first.resource}, and keep the last good one; all others go on`,
    ...(at === undefined ? {} : { at }),
    found: first.message,
    help: 'commit what mends it',
  };
}

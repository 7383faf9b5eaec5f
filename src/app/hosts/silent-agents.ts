import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { Workload } from '../../compile/inventory.ts';

interface SilentAgentsParts {
  readonly plane: { readonly inventory: readonly Workload[] };
  readonly fleet: { watchers(host: string): number };
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}

/** An agent that is started anew, or that moves from a control plane that hangs, is back before. */
const backWithinMs = 15_000;
/** What is behind them is more of the same. */
const shownMax = 5;

interface Away {
  readonly sinceMs: number;
  readonly sinceMonotonicMs: number;
}

/** Hosts that run something, and whose agent no control plane hears of: dead, hung or cut off. */
export class SilentAgents {
  readonly #parts: SilentAgentsParts;
  #away: ReadonlyMap<string, Away> = new Map();

  constructor(parts: SilentAgentsParts) {
    this.#parts = parts;
  }

  /** Looked at every second; what is away counts from the first look that found it so. */
  look(): readonly Finding[] {
    const { plane, fleet, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const fresh: Away = { sinceMs: clock.nowMs(), sinceMonotonicMs: nowMs };
    const hosts = new Set(plane.inventory.map(({ host }) => host));
    const away = [...hosts].filter((host) => fleet.watchers(host) === 0);
    this.#away = new Map(away.map((host) => [host, this.#away.get(host) ?? fresh]));
    return [...this.#away]
      .filter(([, { sinceMonotonicMs }]) => nowMs - sinceMonotonicMs >= backWithinMs)
      .slice(0, shownMax)
      .map(([host, { sinceMs }]) => silent(host, sinceMs));
  }
}

function silent(host: string, sinceMs: number): Finding {
  return {
    code: 'CH5423',
    severity: 'error',
    message: `the agent of the host ${host} is not heard of since ${new Date(sinceMs).toISOString()}; its proxies go on with what they have, and what they must ask is answered with CH2190`,
    help: 'look at its log and its machine; restart it if it hangs, or evict the host if it is gone',
  };
}

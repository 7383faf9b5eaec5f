import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { DeskStanding, DeskStatus } from '../../serve/api/wire-status.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Fleet } from '../replicas/fleet.ts';
import type { DeskLog } from './desk-log.ts';

interface PoolDesksParts {
  readonly plane: Pick<ControlPlane, 'asksPool' | 'poolHosts' | 'policyVersion' | 'watchers'>;
  readonly fleet: Pick<Fleet, 'watchers'>;
  readonly desks: Pick<DeskLog, 'of' | 'policyOf'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}

interface Standing {
  readonly state: DeskStanding;
  readonly sinceMs: number;
  readonly sinceMonotonicMs: number;
  /** Since when this policy is wanted of it. */
  readonly wanted: string | undefined;
  readonly wantedMonotonicMs: number;
}

/** What a replica hears of another one's hosts goes through the store. */
const elsewhereMaxMs = 5_000;
/** A desk takes a policy within a second; one that is started anew is back before. */
const patienceMs = 15_000;
/** A rollout asks for each proxy that it has reached, ten times a second. */
const lookEveryMs = 20;

/**
 * The desks that proxies of any host ask, and what they decide by. A proxy has a commit when all of them that are there have taken
 * its policy: any of them may be asked next.
 */
export class PoolDesks {
  readonly #parts: PoolDesksParts;
  readonly #standings = new Map<string, Standing>();
  #seen: Seen | undefined;

  constructor(parts: PoolDesksParts) {
    this.#parts = parts;
  }

  /** In the order of mesh.yaml; none where no proxy asks the pool. */
  get all(): readonly DeskStatus[] {
    return this.#look().all;
  }

  /** Why a commit is not at all of them that are there; undefined: it is. */
  get behind(): string | undefined {
    return this.#look().behind;
  }

  /** What one of them could not read of it. */
  get refused(): string | undefined {
    return this.#look().refused;
  }

  /** Said for as long as it lasts. */
  get findings(): readonly Finding[] {
    const nowMs = this.#parts.clock.monotonicMs();
    return this.all.flatMap(({ host, state, sinceMs }): readonly Finding[] => {
      const standing = this.#standings.get(host);
      if (standing === undefined || nowMs - standing.sinceMonotonicMs < patienceMs) return [];
      return state === 'away' || state === 'behind' ? [findingOf(host, state, sinceMs)] : [];
    });
  }

  #look(): Seen {
    const { plane, clock } = this.#parts;
    const atMs = clock.monotonicMs();
    if (!plane.asksPool) {
      this.#standings.clear();
      return nobody;
    }
    const hosts = plane.poolHosts;
    // A wave is told to all of them at once, and what was seen before it says nothing of it.
    const wanted = plane.policyVersion(hosts[0] ?? '');
    const known = this.#seen;
    const isFresh = known?.wanted === wanted && atMs - (known?.atMs ?? 0) < lookEveryMs;
    if (known !== undefined && isFresh) return known;
    for (const host of this.#standings.keys()) {
      if (!hosts.includes(host)) this.#standings.delete(host);
    }
    const all = [...new Set(hosts)].map((host) => this.#desk(host));
    this.#seen = { atMs, wanted, all, behind: behindOf(all), refused: refusedOf(all) };
    return this.#seen;
  }

  #desk(host: string): DeskStatus {
    const { clock, plane, desks } = this.#parts;
    const before = this.#standings.get(host);
    const nowMs = clock.monotonicMs();
    const wanted = plane.policyVersion(host);
    const wantedMonotonicMs =
      before !== undefined && before.wanted === wanted ? before.wantedMonotonicMs : nowMs;
    const standing = this.#standingOf(host, wanted, nowMs - wantedMonotonicMs);
    const { state } = standing;
    const { sinceMs, sinceMonotonicMs } =
      before?.state === state ? before : { sinceMs: clock.nowMs(), sinceMonotonicMs: nowMs };
    this.#standings.set(host, { state, sinceMs, sinceMonotonicMs, wanted, wantedMonotonicMs });
    return { host, sinceMs, policy: desks.policyOf(host), ...standing };
  }

  /** One that another replica hears may be told the same policy under another name, where that is of another version. */
  #standingOf(
    host: string,
    wanted: string | undefined,
    waitedMs: number,
  ): Pick<DeskStatus, 'state' | 'problem'> {
    const { plane, fleet, desks } = this.#parts;
    const problem = undefined;
    if (fleet.watchers(host) === 0) return { state: 'away', problem };
    const told = desks.of(host, wanted);
    if (typeof told !== 'string') return { state: 'refused', problem: told.refused };
    const isElsewhere = plane.watchers(host) === 0;
    const isLong = isElsewhere && waitedMs >= elsewhereMaxMs;
    return { state: told === 'behind' && isLong ? 'unknown' : told, problem };
  }
}

interface Seen {
  readonly atMs: number;
  readonly wanted: string | undefined;
  readonly all: readonly DeskStatus[];
  readonly behind: string | undefined;
  readonly refused: string | undefined;
}

const nobody: Seen = {
  ...{ atMs: 0, wanted: undefined, all: [] },
  ...{ behind: undefined, refused: undefined },
};

function behindOf(all: readonly DeskStatus[]): string | undefined {
  const hosts = all.flatMap(({ host, state }) => (state === 'behind' ? [host] : []));
  return hosts.length === 0 ? undefined : notTaken(hosts);
}

function refusedOf(all: readonly DeskStatus[]): string | undefined {
  const one = all.find(({ state }) => state === 'refused');
  return one && `policy, at the desk ${one.host} of the pool: ${one.problem}`;
}

function notTaken(hosts: readonly string[]): string {
  const [first, ...more] = hosts;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `the desk ${first} of the pool${others} has not taken its policy`;
}

function findingOf(host: string, kind: 'away' | 'behind', sinceMs: number): Finding {
  const since = new Date(sinceMs).toISOString();
  const message =
    kind === 'away'
      ? `the desk ${host} of the pool is not heard of since ${since}; a proxy that reaches it is answered by the policy that it had, and no commit waits for it`
      : `the desk ${host} of the pool has not taken the policy since ${since}, and decides by the one before`;
  return {
    ...{ code: 'CH5445', severity: 'error', message },
    help: 'look at its log and its machine; restart it, or take it out of `desk.pool` if it is gone',
  };
}

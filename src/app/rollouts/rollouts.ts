import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { Intent } from '../../model/types.ts';
import {
  advance,
  isUnderWay,
  type Rollout,
  type RolloutStep,
  reached,
} from '../../rollout/rollout.ts';
import { hurt } from '../../rollout/signals.ts';
import { planWaves, type TouchedProxy } from '../../rollout/waves.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { Commit } from '../publisher.ts';
import type { SignalLog } from './signal-log.ts';

/** How a proxy stands to what it was sent. */
export interface ProxyStanding {
  readonly connected: boolean;
  readonly converged: boolean;
  /** What it refused, in one line; undefined: nothing. */
  readonly refused: string | undefined;
}

export interface RolloutsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly plane: RolloutPlane;
  readonly signals: SignalLog;
  readonly standing: (proxy: WorkloadId) => ProxyStanding;
  /** How long a wave is looked at before the next one; 0: as soon as it is taken. */
  readonly watchMs: () => number;
  readonly emit: (event: MeshEvent) => void;
  /** Durable when it resolves; nothing of it reaches a proxy before. */
  readonly keep: (kept: KeptRollout) => Promise<void>;
}

/** What whoever leads next goes on with. */
export interface KeptRollout {
  readonly rollout: Rollout;
  readonly denialsExpected: boolean;
  /** It is what runs, for everybody who comes. */
  readonly isSettled: boolean;
}

/** What a rollout does to the mesh. */
export interface RolloutPlane {
  /** Whom it changes something for. */
  propose(intent: Intent, commit: Commit): readonly TouchedProxy[];
  reach(proxies: ReadonlySet<WorkloadId>): void;
  settle(): void;
  withdraw(commit: string, reason: string | undefined): void;
}

const lookEveryMs = 100;
/** A proxy that is there and takes nothing for this long does not take it at all. */
const takeMs = 30_000;
/** What a proxy counted in this time before a commit is what it is held against. */
const beforeMs = 60_000;
/** For the history in `revision list`. */
const historyMax = 200;

export interface Proposal {
  readonly intent: Intent;
  readonly commit: Commit;
  readonly base: Commit;
  /** Everybody at once: the commit says that it cannot wait. */
  readonly urgent: boolean;
  /** It takes permissions away on purpose. */
  readonly denialsExpected: boolean;
}

interface Active extends KeptRollout {
  rollout: Rollout;
  isSettled: boolean;
  /** What it is now is durable, and in effect. */
  isKept: boolean;
}

/** Leads each accepted commit to all proxies in waves, looks at whoever has it, and takes it back when it hurts. */
export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #history: Rollout[] = [];
  #active: Active | undefined;
  /** Each write waits for the one before: the last one is what holds. */
  #keeping: Promise<void> = Promise.resolve();
  #cancel = (): void => {};

  constructor(options: RolloutsOptions) {
    this.#options = options;
  }

  /** Newest first. */
  get all(): readonly Rollout[] {
    return [...this.#history].reverse();
  }

  get current(): Rollout | undefined {
    return this.#active?.rollout;
  }

  /**
   * Goes on with what another control plane, or this one before, had under way; whoever has it keeps it. What it counted
   * since then is new, and so is the time for which it is looked at.
   */
  resume({ rollout, denialsExpected }: KeptRollout): void {
    const state = { ...rollout.state, sinceMs: this.#options.clock.nowMs() };
    const next = { ...rollout, state };
    this.observe(next);
    this.#active = { rollout: next, denialsExpected, isSettled: false, isKept: true };
    this.#look();
  }

  /** For the history: where a rollout is that another control plane leads. */
  observe(rollout: Rollout): void {
    const last = this.#history.at(-1);
    const isSame = last?.commit === rollout.commit && last.startedMs === rollout.startedMs;
    if (isSame) this.#history.pop();
    this.#history.push(rollout);
    if (this.#history.length > historyMax) this.#history.shift();
  }

  /** A newer commit takes the place of one that is under way: whoever had that one is in the first wave of this one. */
  begin(proposal: Proposal): void {
    const { clock, plane } = this.#options;
    const { intent, commit, base, urgent, denialsExpected } = proposal;
    const before = this.#active?.rollout;
    const touched = plane.propose(intent, commit);
    const nowMs = clock.nowMs();
    const rollout: Rollout = {
      ...{ commit: commit.id, subject: commit.subject, base: before?.base ?? base.id },
      startedMs: nowMs,
      waves: urgent ? [touched.map(({ proxy }) => proxy)] : wavesOf(touched, commit.id, before),
      state: { kind: 'pushing', wave: 0, sinceMs: nowMs },
    };
    const active: Active = { rollout, denialsExpected, isSettled: false, isKept: false };
    this.#active = active;
    this.observe(rollout);
    this.#plan();
    void this.#keep(active);
  }

  /** A person's step, durable when it resolves. Errors: why it cannot come. */
  async step(step: RolloutStep): Promise<Result<Rollout, string>> {
    const active = this.#active;
    if (active === undefined) return { ok: false, error: 'no revision is under way' };
    const result = this.#step(active, step);
    if (result.ok) await this.#keep(active);
    return result;
  }

  /** This control plane does not lead (any more); what is under way is another one's. */
  stop(): void {
    this.#cancel();
    this.#active = undefined;
  }

  #look(): void {
    this.#cancel();
    const active = this.#active;
    if (active === undefined) return;
    this.#plan();
    if (active.isKept) this.#advance(active);
    else void this.#keep(active);
  }

  #plan(): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(lookEveryMs, () => this.#look());
  }

  /** One step; when it is durable the next look follows at once, so that waves that need no watching do not wait. */
  #advance(active: Active): void {
    const step = this.#due(active);
    if (step === undefined) {
      if (active.rollout.state.kind !== 'live' || !this.#isOver(active)) return;
      active.isSettled = true;
      active.isKept = false;
    } else if (!this.#step(active, step).ok) return;
    void this.#keep(active);
  }

  #due(active: Active): RolloutStep | undefined {
    const { rollout } = active;
    const { state } = rollout;
    if (!isUnderWay(state) && state.kind !== 'live') return undefined;
    const reason = this.#trouble(active);
    if (reason !== undefined) return { kind: 'hurts', reason };
    switch (state.kind) {
      case 'pushing':
        return this.#isTaken(rollout, state) ? { kind: 'taken' } : undefined;
      case 'watching':
        return this.#isOver(active) ? { kind: 'watched' } : undefined;
      case 'live':
        return undefined;
    }
  }

  /** A proxy that is away takes it when it comes; nobody waits for it. */
  #isTaken({ waves }: Rollout, { wave }: { readonly wave: number }): boolean {
    return (waves[wave] ?? []).every((proxy) => {
      const { connected, converged } = this.#options.standing(proxy);
      return converged || !connected;
    });
  }

  #isOver({ rollout }: Active): boolean {
    const { clock, watchMs } = this.#options;
    return clock.nowMs() - rollout.state.sinceMs >= watchMs();
  }

  /** Why the revision does not go on, and goes back; undefined: nobody does worse for it. */
  #trouble(active: Active): string | undefined {
    const { clock, standing, signals } = this.#options;
    const { rollout, denialsExpected } = active;
    const { state, startedMs } = rollout;
    const nowMs = clock.nowMs();
    for (const proxy of reached(rollout)) {
      const { connected, converged, refused } = standing(proxy);
      if (refused !== undefined) return `${proxy} refuses it: ${refused}`;
      if (state.kind === 'pushing' && connected && !converged && nowMs - state.sinceMs > takeMs) {
        return `${proxy} does not take it within ${takeMs / 1_000} s`;
      }
      const before = signals.between(proxy, startedMs - beforeMs, startedMs);
      const after = signals.between(proxy, startedMs, nowMs);
      if (before === undefined || after === undefined) continue;
      const worse = hurt(before, after, { denialsExpected });
      if (worse !== undefined) return `${proxy} has ${worse}`;
    }
    return undefined;
  }

  #step(active: Active, step: RolloutStep): Result<Rollout, string> {
    const next = advance(active.rollout, step, this.#options.clock.nowMs());
    if (!next.ok) return next;
    active.rollout = next.value;
    active.isKept = false;
    this.observe(next.value);
    return next;
  }

  /** Writes down where it is, and then lets it be so. What the store does not take is written again at the next look. */
  #keep(active: Active): Promise<void> {
    const { keep, log } = this.#options;
    this.#keeping = this.#keeping.then(async () => {
      const { rollout, isSettled, isKept } = active;
      if (isKept || this.#active !== active) return;
      try {
        await keep({ ...active });
      } catch (error) {
        const { commit } = rollout;
        log.error('the store did not take the rollout', { commit, problem: messageOf(error) });
        return;
      }
      // While it was written a person may have taken the next step, or another commit its place.
      if (this.#active !== active) return;
      if (active.rollout === rollout && active.isSettled === isSettled) active.isKept = true;
      this.#became(rollout, isSettled);
      this.#look();
    });
    return this.#keeping;
  }

  #became(rollout: Rollout, isSettled: boolean): void {
    const { plane, emit, log } = this.#options;
    const { commit, state } = rollout;
    switch (state.kind) {
      case 'pushing':
      case 'halted':
        plane.reach(reached(rollout));
        break;
      case 'taken-back':
        this.#active = undefined;
        log.warn('a revision was taken back', { commit, reason: state.reason });
        plane.withdraw(commit, state.reason);
        break;
      case 'live':
        if (!isSettled) break;
        this.#active = undefined;
        plane.settle();
        return;
      case 'watching':
        break;
    }
    emit({ kind: 'rollout', rollout });
  }
}

/** Whoever had what was under way `before` is in the first wave, together with those who are first for this commit. */
function wavesOf(
  touched: readonly TouchedProxy[],
  commit: string,
  before: Rollout | undefined,
): Rollout['waves'] {
  const ahead = before === undefined ? new Set<WorkloadId>() : reached(before);
  const again = touched.flatMap(({ proxy }) => (ahead.has(proxy) ? [proxy] : []));
  const planned = planWaves(
    touched.filter(({ proxy }) => !ahead.has(proxy)),
    commit,
  );
  const [first = [], ...others] = planned;
  return [[...again, ...first], ...others].filter((wave) => wave.length > 0);
}

import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { Intent } from '../../model/types.ts';
import {
  advance,
  type BranchState,
  isEverywhere,
  isUnderWay,
  type Rollout,
  type RolloutStep,
  reached,
} from '../../rollout/rollout.ts';
import { planWaves, type TouchedProxy } from '../../rollout/waves.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { Commit } from '../publisher.ts';
import { BranchReturn, type BranchReturnOptions } from './branch-return.ts';
import type { SignalLog } from './signal-log.ts';
import { isHeard, signalsBefore, type Watched, whyWorse } from './watched.ts';

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
  readonly takeBack: BranchReturnOptions['takeBack'];
  readonly emit: (event: MeshEvent) => void;
  /** For the ledger. */
  readonly record: (rollout: Rollout) => void;
  /** The newest one, for a restart. Durable when it resolves. */
  readonly keep: (rollout: Rollout) => Promise<void>;
}

/** What a rollout does to the mesh. */
export interface RolloutPlane {
  /** Whom it changes something for. */
  propose(intent: Intent, commit: Commit): readonly TouchedProxy[];
  reach(proxies: ReadonlySet<WorkloadId>): void;
  settle(): void;
  withdraw(commit: string, reason: string): void;
}

const lookEveryMs = 100;
/** A proxy that is there and takes nothing for this long does not take it at all. */
const takeMs = 30_000;
/** So much longer is a wave looked at while too little is reported of it. */
const unheardFactorMax = 3;
/** Until proxies have what ran before again. */
const takenBackMs = 500;
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

interface Active extends Watched {
  rollout: Rollout;
  readonly since: Map<WorkloadId, number>;
}

/** Leads each accepted commit to all proxies in waves, looks at whoever has it, and takes it back when it hurts. */
export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #branch: BranchReturn;
  readonly #history: Rollout[] = [];
  #active: Active | undefined;
  /** What was under way when the control plane ended; until its commit comes again. */
  #interrupted: Rollout | undefined;
  #cancel = (): void => {};

  constructor(options: RolloutsOptions) {
    this.#options = options;
    const { clock, takeBack } = options;
    const onState = (commit: string, branch: BranchState): void => this.#returned(commit, branch);
    this.#branch = new BranchReturn({ clock, takeBack, onState });
  }

  /** Newest first. */
  get all(): readonly Rollout[] {
    return [...this.#history].reverse();
  }

  get current(): Rollout | undefined {
    return this.#active?.rollout;
  }

  /** The branch that still holds what was taken back last, and why. */
  get findings(): readonly Finding[] {
    const state = this.#history.at(-1)?.state;
    if (state?.kind !== 'taken-back' || !('problem' in state.branch)) return [];
    return state.branch.problem === undefined ? [] : [state.branch.problem];
  }

  /**
   * The commit of this rollout goes on from whoever has it, and stays halted if it was; of one that was taken back the
   * branch is still to follow. To be called before `begin`.
   */
  recover(rollout: Rollout): void {
    if (rollout.state.kind !== 'taken-back') {
      this.#interrupted = rollout;
      return;
    }
    this.#history.push(rollout);
    this.#branch.begin(rollout);
  }

  /** What all have is what runs: a commit that comes now has waves of its own. To be called before that one is accepted. */
  concede(): void {
    const active = this.#active;
    if (active === undefined) return;
    this.#advance(active);
    if (this.#active !== active || !isEverywhere(active.rollout)) return;
    if (active.rollout.state.kind === 'watching') this.#step(active, { kind: 'watched' });
    this.#settle();
  }

  /** A newer commit takes the place of one that is under way: whoever had that one is in the first wave of this one. */
  begin(proposal: Proposal): void {
    const { clock, plane, signals } = this.#options;
    const { intent, commit, base, urgent, denialsExpected } = proposal;
    const before = this.#active?.rollout ?? this.#interruptedOf(commit);
    const isSame = before?.commit === commit.id;
    const touched = plane.propose(intent, commit);
    const nowMs = clock.nowMs();
    const pushing = { kind: 'pushing' as const, wave: 0, sinceMs: nowMs };
    const requestsOf = (proxy: WorkloadId): number =>
      signalsBefore(signals, proxy, nowMs)?.requests ?? 0;
    const rollout: Rollout = {
      ...{ commit: commit.id, subject: commit.subject, base: before?.base ?? base.id },
      startedMs: nowMs,
      waves: urgent
        ? [touched.map(({ proxy }) => proxy)]
        : wavesOf(touched, commit.id, before, requestsOf),
      state: isSame && before.state.kind === 'halted' ? { ...before.state, wave: 0 } : pushing,
    };
    this.#branch.overtake();
    this.#active = { rollout, denialsExpected, touched, since: new Map() };
    this.#history.push(rollout);
    if (this.#history.length > historyMax) this.#history.shift();
    this.#became(rollout);
    this.#look();
  }

  #interruptedOf({ id }: Commit): Rollout | undefined {
    const interrupted = this.#interrupted;
    this.#interrupted = undefined;
    return interrupted?.commit === id ? interrupted : undefined;
  }

  /** A person's step. Errors: why it cannot come. */
  step(step: RolloutStep): Result<Rollout, string> {
    const active = this.#active;
    if (active === undefined) return { ok: false, error: 'no revision is under way' };
    return this.#step(active, step);
  }

  stop(): void {
    this.#cancel();
    this.#branch.stop();
  }

  #look(): void {
    this.#cancel();
    const active = this.#active;
    if (active === undefined) return;
    this.#advance(active);
    if (this.#active !== undefined) {
      this.#cancel = this.#options.clock.after(lookEveryMs, () => this.#look());
    }
  }

  /** As far as it goes now: waves that need no watching follow each other at once. */
  #advance(active: Active): void {
    for (let step = this.#due(active); step !== undefined; step = this.#due(active)) {
      if (!this.#step(active, step).ok || this.#active !== active) return;
    }
    if (active.rollout.state.kind === 'live' && this.#isOver(active)) this.#settle();
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

  #isOver(active: Active): boolean {
    const { clock, signals, watchMs } = this.#options;
    const { waves, state } = active.rollout;
    // Where nobody is touched there is nobody to look at.
    if (waves.length === 0) return true;
    const nowMs = clock.nowMs();
    const watchedMs = nowMs - state.sinceMs;
    if (watchedMs < watchMs()) return false;
    // A busy host reports late; one that reports nothing holds nobody up for long.
    return isHeard(active, { nowMs, signals }) || watchedMs >= watchMs() * unheardFactorMax;
  }

  /** Why the revision does not go on, and goes back; undefined: nobody does worse for it. */
  #trouble(active: Active): string | undefined {
    const { clock, standing, signals } = this.#options;
    const { state } = active.rollout;
    const nowMs = clock.nowMs();
    for (const proxy of reached(active.rollout)) {
      const { connected, converged, refused } = standing(proxy);
      if (refused !== undefined) return `${proxy} refuses it: ${refused}`;
      if (state.kind === 'pushing' && connected && !converged && nowMs - state.sinceMs > takeMs) {
        return `${proxy} does not take it within ${takeMs / 1_000} s`;
      }
      const worse = whyWorse(active, { proxy, nowMs, signals });
      if (worse !== undefined) return `${proxy} has ${worse}`;
    }
    return undefined;
  }

  #step(active: Active, step: RolloutStep): Result<Rollout, string> {
    const next = advance(active.rollout, step, this.#options.clock.nowMs());
    if (!next.ok) return next;
    active.rollout = next.value;
    this.#history[this.#history.length - 1] = next.value;
    this.#became(next.value);
    return next;
  }

  #became(rollout: Rollout): void {
    const { plane, signals, clock } = this.#options;
    const { commit, state } = rollout;
    switch (state.kind) {
      case 'pushing':
      case 'halted':
        this.#reach(reached(rollout));
        break;
      case 'taken-back':
        this.#active = undefined;
        signals.strike({ fromMs: rollout.startedMs, toMs: clock.nowMs() + takenBackMs });
        plane.withdraw(commit, state.reason);
        this.#branch.begin(rollout);
        break;
      case 'live':
      case 'watching':
        break;
    }
    // Who hears of it finds it done: the verdict of a commit that was taken back is read from the plane.
    this.#tell(rollout);
  }

  /** The mesh is on what ran before already; this is only about the branch. */
  #returned(commit: string, branch: BranchState): void {
    const { clock, log } = this.#options;
    const at = this.#history.findLastIndex((one) => one.commit === commit);
    const before = this.#history[at];
    const next = before && advance(before, { kind: 'branch', branch }, clock.nowMs());
    if (next?.ok !== true) return;
    this.#history[at] = next.value;
    if ('problem' in branch) {
      const { code, message, found } = branch.problem ?? {};
      log.warn('the branch still holds what was taken back', {
        ...{ commit, code, problem: message, found, again: branch.kind === 'open' },
      });
    } else {
      log.info('the branch follows what was taken back', { commit, by: branch.commit });
    }
    this.#tell(next.value);
  }

  #tell(rollout: Rollout): void {
    const { record, keep, emit, log } = this.#options;
    const { commit } = rollout;
    record(rollout);
    emit({ kind: 'rollout', rollout });
    if (this.#history.at(-1) !== rollout) return;
    keep(rollout).catch((error: unknown) =>
      log.error('the store did not take the rollout', { commit, ...problemFields(error) }),
    );
  }

  #reach(proxies: ReadonlySet<WorkloadId>): void {
    const nowMs = this.#options.clock.nowMs();
    const since = this.#active?.since;
    for (const proxy of proxies) if (since?.has(proxy) === false) since.set(proxy, nowMs);
    this.#options.plane.reach(proxies);
  }

  #settle(): void {
    this.#active = undefined;
    this.#options.plane.settle();
  }
}

/**
 * Whoever had what was under way `before` is in the first wave: of a newer commit together with those who are first for it,
 * of the same commit alone, for the others come after it as they did.
 */
function wavesOf(
  touched: readonly TouchedProxy[],
  commit: string,
  before: Rollout | undefined,
  requestsOf: (proxy: WorkloadId) => number,
): Rollout['waves'] {
  const ahead = before === undefined ? new Set<WorkloadId>() : reached(before);
  const again = touched.flatMap(({ proxy }) => (ahead.has(proxy) ? [proxy] : []));
  const planned = planWaves(
    touched.filter(({ proxy }) => !ahead.has(proxy)),
    commit,
    requestsOf,
  );
  const [first = [], ...others] = planned;
  const waves = before?.commit === commit ? [again, ...planned] : [[...again, ...first], ...others];
  return waves.filter((wave) => wave.length > 0);
}

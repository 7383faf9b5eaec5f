import type { TellingClock } from '../../base/clock-watch.ts';
import type { Finding } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import {
  advance,
  type BranchState,
  calmUntil,
  isUnderWay,
  moved,
  type Rollout,
  type RolloutStep,
  reached,
  takenOver,
} from '../../rollout/rollout.ts';
import { wavesAfter, wavesAtOnce } from '../../rollout/waves-after.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { ApplicationLog } from './application-log.ts';
import { BranchReturn, type BranchReturnOptions } from './branch-return.ts';
import {
  dueStep,
  type Evidence,
  isLookedAt,
  isPassed,
  type ProxyStanding,
  restarting,
} from './judge.ts';
import type { Proposal, RolloutPlane } from './proposal.ts';
import { rolloutFindings } from './rollout-findings.ts';
import { RolloutHistory } from './rollout-history.ts';
import type { SignalLog } from './signal-log.ts';
import { signalsBefore, type Watched } from './watched.ts';

interface RolloutsOptions {
  readonly clock: TellingClock;
  readonly log: Log;
  readonly plane: RolloutPlane;
  readonly signals: SignalLog;
  readonly applications: ApplicationLog;
  readonly standing: (proxy: WorkloadId) => ProxyStanding;
  /** How long a wave is looked at before the next one; 0: as soon as it is taken. */
  readonly watchMs: () => number;
  readonly takeBack: BranchReturnOptions['takeBack'];
  readonly emit: (event: MeshEvent) => void;
  /** For the ledger. */
  readonly record: (rollout: Rollout) => void;
  /** Durable when it resolves; nothing of it reaches a proxy before. */
  readonly keep: (kept: KeptRollout) => Promise<void>;
}

/** What whoever leads next goes on with. */
export interface KeptRollout extends Omit<Watched, 'since'> {
  /** It is what runs, for everybody who comes. */
  readonly isSettled: boolean;
}

const lookEveryMs = 100;
/** Until proxies have what ran before again, and what they counted until then is reported. */
const takenBackMs = 500;
const backMaxMs = 30_000;

interface Active extends KeptRollout {
  rollout: Rollout;
  readonly since: Map<WorkloadId, number>;
  isSettled: boolean;
  /** What it is now is durable, and in effect. */
  isKept: boolean;
}

/** Leads each accepted commit to all proxies in waves, looks at whoever has it, and takes it back when it hurts. */
export class Rollouts {
  readonly #options: RolloutsOptions;
  #branch: BranchReturn;
  readonly #history = new RolloutHistory();
  #active: Active | undefined;
  /** Each write waits for the one before: the last one is what holds. */
  #keeping: Promise<void> = Promise.resolve();
  #cancel = (): void => {};

  constructor(options: RolloutsOptions) {
    this.#options = options;
    this.#branch = this.#newBranch();
    options.clock.onJump((jumpedMs) => this.#moveBy(jumpedMs));
  }

  /** A wave is looked at for as long as time goes by, whatever becomes of the wall clock. */
  #moveBy(byMs: number): void {
    const active = this.#active;
    if (active === undefined) return;
    const before = active.rollout;
    active.rollout = moved(before, byMs);
    this.#history.replace(before, active.rollout);
    for (const [proxy, sinceMs] of active.since) active.since.set(proxy, sinceMs + byMs);
  }

  #newBranch(): BranchReturn {
    const { clock, takeBack } = this.#options;
    const onState = (commit: string, branch: BranchState): void => this.#returned(commit, branch);
    return new BranchReturn({ clock, takeBack, onState });
  }

  /** Newest first. */
  get all(): readonly Rollout[] {
    return this.#history.all;
  }

  get current(): Rollout | undefined {
    return this.#active?.rollout;
  }

  /** One that is halted, and the branch that still holds what was taken back last, and why. */
  get findings(): readonly Finding[] {
    const { last } = this.#history;
    return last === undefined ? [] : rolloutFindings(last);
  }

  /**
   * Goes on with what another control plane, or this one before, had under way; whoever has it keeps it. What it counted
   * since then is new, and so is the time for which it is looked at. Of one that was taken back the branch is still to follow.
   */
  resume({ rollout, denialsExpected, touched }: KeptRollout): void {
    this.#branch = this.#newBranch();
    if (rollout.state.kind === 'taken-back') {
      this.observe(rollout);
      this.#branch.begin(rollout);
      return;
    }
    const next = takenOver(rollout, this.#options.clock.nowMs());
    this.observe(next);
    const more = { since: new Map<WorkloadId, number>(), isSettled: false, isKept: true };
    this.#active = { rollout: next, denialsExpected, touched, ...more };
    this.#look();
  }

  /** For the history: where a rollout is that another control plane leads. */
  observe(rollout: Rollout): void {
    if (rollout.state.kind === 'taken-back') this.#strike(rollout, rollout.state.sinceMs);
    this.#history.observe(rollout);
  }

  /** What runs for everybody, whoever led it there. */
  ran(commit: string | undefined): void {
    if (commit !== undefined) this.#history.ran(commit, this.#options.clock.nowMs());
  }

  /** Whoever leads next holds nothing against it, either. */
  #strike(rollout: Rollout, untilMs: number): void {
    this.#options.signals.strike({ fromMs: calmUntil(rollout), toMs: untilMs + takenBackMs });
  }

  /**
   * What all have, and one proxy of each service had for a wave, is what runs: a commit that comes now is held against it.
   * To be called before that one is accepted; what is written down with that one says so.
   */
  concede(): void {
    const active = this.#active;
    if (active === undefined || !active.isKept || !isPassed(active)) return;
    if (dueStep(active, this.#evidence)?.kind === 'hurts') return;
    if (active.rollout.state.kind === 'pushing') this.#step(active, { kind: 'taken' });
    if (isUnderWay(active.rollout.state) && this.#step(active, { kind: 'watched' }).ok) {
      this.#tell(active.rollout);
    }
    this.#settle(active.rollout);
  }

  /** Nobody was found to do well with what it took the place of. */
  #settle(rollout: Rollout): void {
    this.#active = undefined;
    if (rollout.calmUntilMs !== undefined) this.#strike(rollout, rollout.startedMs);
    this.#options.plane.settle();
  }

  /** A newer commit takes the place of one that is under way, and rides in waves of its own. */
  begin(proposal: Proposal): void {
    const { clock, plane, signals, standing } = this.#options;
    const { intent, compiled, commit, base, urgent, denialsExpected, compiledBy } = proposal;
    const before = this.#active?.rollout;
    const { ahead } = proposal;
    const overtaken = before ?? (ahead?.state.kind === 'taken-back' ? undefined : ahead);
    const touched = plane.propose(intent, commit, compiled);
    const nowMs = clock.nowMs();
    // Who is away tells nothing of it.
    const requestsOf = (proxy: WorkloadId): number =>
      standing(proxy).connected ? (signalsBefore(signals, proxy, nowMs)?.requests ?? 0) : -1;
    const rollout: Rollout = {
      ...{ commit: commit.id, subject: commit.subject, base: before?.base ?? base.id },
      startedMs: nowMs,
      ...(overtaken === undefined ? {} : { calmUntilMs: calmUntil(overtaken) }),
      ...(urgent ? { urgent } : {}),
      ...(compiledBy === undefined ? {} : { compiledBy }),
      waves: urgent
        ? wavesAtOnce(touched)
        : wavesAfter(before ?? ahead ?? this.#lastTakenBack, touched, commit.id, requestsOf),
      state: { kind: 'pushing', wave: 0, sinceMs: nowMs },
    };
    this.#branch.overtake();
    const more = { since: new Map<WorkloadId, number>(), isSettled: false, isKept: false };
    const active: Active = { rollout, denialsExpected, touched, ...more };
    this.#active = active;
    this.observe(rollout);
    this.#plan();
    void this.#keep(active);
  }

  /** The branch is at what runs, by whoever put it there: what was taken back is not on it any more. */
  stayed(commit: string): void {
    const last = this.#lastTakenBack;
    if (last?.state.kind !== 'taken-back') return;
    if (last.state.branch.kind === 'open') this.#branch.hurry();
    if (last.state.branch.kind === 'left')
      this.#returned(last.commit, { kind: 'as before', commit });
  }

  /** Undefined where another one came since, as when the branch followed. */
  get #lastTakenBack(): Rollout | undefined {
    const { last } = this.#history;
    return last?.state.kind === 'taken-back' ? last : undefined;
  }

  /** False: what was decided of the one under way is not durable and in effect, as the store does not take it. */
  async written(): Promise<boolean> {
    const active = this.#active;
    if (active === undefined || active.isKept) await this.#keeping;
    else await this.#keep(active);
    return this.#active?.isKept !== false;
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
    this.#branch.stop();
    this.#branch = this.#newBranch();
  }

  #look(): void {
    this.#cancel();
    const active = this.#active;
    if (active === undefined) {
      this.#strikeOn();
      return;
    }
    this.#plan();
    // What hurts while the store takes nothing goes no further when it does.
    const due = active.isKept ? undefined : dueStep(active, this.#evidence);
    if (due?.kind === 'hurts') this.#step(active, due);
    if (active.isKept) this.#advance(active);
    else void this.#keep(active);
  }

  /** For as long as some go on with what was taken back. */
  #strikeOn(): void {
    const [last, { clock, standing }] = [this.#lastTakenBack, this.#options];
    if (last === undefined || clock.nowMs() - last.state.sinceMs > backMaxMs) return;
    const isOut = ({ connected, converged }: ProxyStanding) => connected && !converged;
    if (!last.waves.flat().some((proxy) => isOut(standing(proxy)))) return;
    this.#strike(last, clock.nowMs());
    this.#plan();
  }

  #plan(): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(lookEveryMs, () => this.#look());
  }

  /** One step; when it is durable the next look follows at once, so that waves that need no watching do not wait. */
  #advance(active: Active): void {
    const evidence = this.#evidence;
    for (const [proxy, sinceMs] of restarting(active, evidence)) active.since.set(proxy, sinceMs);
    const step = dueStep(active, evidence);
    if (step === undefined) {
      if (active.rollout.state.kind !== 'live' || !isLookedAt(active, evidence)) return;
      active.isSettled = true;
      active.isKept = false;
    } else if (!this.#step(active, step).ok) return;
    void this.#keep(active);
  }

  get #evidence(): Evidence {
    const { clock, signals, applications, standing, watchMs } = this.#options;
    return { nowMs: clock.nowMs(), watchMs: watchMs(), signals, applications, standing };
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
    this.#keeping = this.#keeping.then(async () => {
      const { rollout, isSettled, isKept } = active;
      if (isKept || this.#active !== active) return;
      if (!(await this.#write(active))) return;
      // While it was written a person may have taken the next step, or another commit its place.
      if (this.#active !== active) return;
      if (active.rollout === rollout && active.isSettled === isSettled) active.isKept = true;
      this.#became(active, rollout, isSettled);
      this.#look();
    });
    return this.#keeping;
  }

  async #write(kept: KeptRollout): Promise<boolean> {
    const { keep, log } = this.#options;
    const { rollout, denialsExpected, touched, isSettled } = kept;
    try {
      await keep({ rollout, denialsExpected, touched, isSettled });
      return true;
    } catch (error) {
      const { commit } = rollout;
      log.error('the store did not take the rollout', { commit, ...problemFields(error) });
      return false;
    }
  }

  #became(active: Active, rollout: Rollout, isSettled: boolean): void {
    const { plane, clock } = this.#options;
    const { commit, state } = rollout;
    switch (state.kind) {
      case 'pushing':
      case 'halted':
        if (active.rollout.state.kind !== 'taken-back') this.#reach(active, reached(rollout));
        break;
      case 'taken-back':
        this.#active = undefined;
        this.#strike(rollout, clock.nowMs());
        plane.withdraw(commit, state.reason);
        this.#branch.begin(rollout);
        break;
      case 'live':
        if (!isSettled) break;
        this.#settle(rollout);
        return;
      case 'watching':
        break;
    }
    // Who hears of it finds it done: the verdict of a commit that was taken back is read from the plane.
    this.#tell(rollout);
  }

  /** The mesh is on what ran before already; this is only about the branch. */
  #returned(commit: string, branch: BranchState): void {
    const { clock, log } = this.#options;
    const before = this.#history.of(commit);
    const next = before && advance(before, { kind: 'branch', branch }, clock.nowMs());
    if (before === undefined || next?.ok !== true) return;
    this.#history.replace(before, next.value);
    if ('problem' in branch) {
      const { code, message, found } = branch.problem ?? {};
      log.warn('the branch still holds what was taken back', {
        ...{ commit, code, problem: message, found, again: branch.kind === 'open' },
      });
    } else {
      log.info('the branch follows what was taken back', { commit, by: branch.commit });
    }
    this.#tell(next.value);
    if (this.#history.last !== next.value) return;
    const kept = { rollout: next.value, denialsExpected: false, touched: [], isSettled: false };
    this.#keeping = this.#keeping.then(async () => {
      if (this.#active === undefined) await this.#write(kept);
    });
  }

  #tell(rollout: Rollout): void {
    const { record, emit } = this.#options;
    record(rollout);
    emit({ kind: 'rollout', rollout });
  }

  #reach({ since }: Active, proxies: ReadonlySet<WorkloadId>): void {
    const nowMs = this.#options.clock.nowMs();
    for (const proxy of proxies) if (!since.has(proxy)) since.set(proxy, nowMs);
    this.#options.plane.reach(proxies);
  }
}

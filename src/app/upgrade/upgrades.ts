import type { Clock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { findingFields, type Log, problemFields } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import { type Rollout, type RolloutStep, reached } from '../../rollout/rollout.ts';
import { goesOn } from '../carried-findings.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { StoredRevision, StoredUpgrade } from '../replicas/revision-store.ts';
import type { Rollouts } from '../rollouts/rollouts.ts';
import type { CompiledRecorder } from './compiled-recorder.ts';

interface UpgradesOptions {
  readonly plane: ControlPlane;
  /** Leads what this version compiles otherwise, as commits are led. */
  readonly rollouts: Rollouts;
  readonly recorder: CompiledRecorder;
  /** As the store has it, whoever wrote it. */
  readonly stored: () => StoredUpgrade | undefined;
  /** Durable when it resolves; undefined: takes it out of the store. */
  readonly keep: (upgrade: StoredUpgrade | undefined) => Promise<void>;
  /** What a real Envoy and the references say to what this version compiles otherwise; errors: nobody is to get it. */
  readonly judge: () => Promise<readonly Finding[]>;
  readonly isThere: (proxy: WorkloadId) => boolean;
  readonly watchMs: () => number;
  /** Agents are to tell often what their proxies count. */
  readonly lookClose: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this program. */
  readonly version: string;
}

const lookEveryMs = 500;
/** After something failed. */
const restMs = 5_000;
/** Proxies come back within this after their control plane was away, or are away themselves. */
const comeBackMs = 30_000;

type Judgement =
  | { readonly kind: 'none' | 'open' | 'passed' }
  | { readonly kind: 'refused'; readonly error: Finding };

/**
 * What this version of the control plane makes otherwise of the commit that runs goes to proxies in waves, as a commit does:
 * until then they go on with what the version before made. A commit that comes takes its place, and brings it along.
 */
export class Upgrades {
  readonly #options: UpgradesOptions;
  #judgement: Judgement = { kind: 'none' };
  #sinceMs = 0;
  #restsUntilMs = 0;
  /** A person wants it tried once more. */
  #isAsked = false;
  #cancel = (): void => {};

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  /** To be called when this replica leads, and is where the store says. */
  lead(): void {
    this.#sinceMs = this.#options.clock.monotonicMs();
    this.#judgement = { kind: 'none' };
    this.#look();
  }

  async follow(): Promise<void> {
    const { rollouts, recorder } = this.#options;
    this.#cancel();
    rollouts.stop();
    if (!this.#holds) await recorder.flush().catch((error: unknown) => this.#failed(error));
  }

  /** A commit takes its place, and brings it along where not all have it yet. */
  pause(): void {
    const { rollouts } = this.#options;
    rollouts.concede();
    rollouts.stop();
  }

  /** How far it got, of this version; undefined: it has not begun, or there is nothing to lead. */
  get rollout(): Rollout | undefined {
    return this.#options.rollouts.current ?? this.#own?.rollout;
  }

  /** Of this program. */
  get version(): string {
    return this.#options.version;
  }

  /** Why no proxy is to get it, by a real Envoy. */
  get refused(): Finding | undefined {
    return this.#judgement.kind === 'refused' ? this.#judgement.error : undefined;
  }

  /** It is what a person's steps are about, as nothing else is under way. */
  get isOpen(): boolean {
    return this.#holds && this.#options.plane.revision?.next === undefined;
  }

  /** A person's step, durable when it resolves. Errors: why it cannot come. */
  async step(step: RolloutStep): Promise<Result<Rollout, string>> {
    const { rollouts } = this.#options;
    if (step.kind !== 'resume' || rollouts.current !== undefined) return rollouts.step(step);
    this.#judgement = { kind: 'none' };
    this.#isAsked = true;
    await this.#tryNow();
    const begun = rollouts.current;
    if (begun === undefined) {
      return { ok: false, error: this.refused?.message ?? 'it waits for proxies to come back' };
    }
    await rollouts.written();
    return { ok: true, value: begun };
  }

  /** It stands until a person says, or another commit or version comes. */
  get stands(): boolean {
    return (
      this.#holds && (this.refused !== undefined || this.#own?.rollout.state.kind === 'taken-back')
    );
  }

  get #holds(): boolean {
    return this.#options.plane.publisher.hold !== undefined;
  }

  get #own(): StoredUpgrade | undefined {
    const { plane, stored, version } = this.#options;
    const one = stored();
    return isOwn(one, { running: plane.revision?.running, version }) ? one : undefined;
  }

  #look(): void {
    this.#cancel();
    const { clock } = this.#options;
    this.#cancel = clock.after(lookEveryMs, () => this.#look());
    if (clock.monotonicMs() < this.#restsUntilMs) return;
    void this.#tryNow().catch((error: unknown) => this.#failed(error));
  }

  /** Whoever leads now goes on; what the store does not take now it takes later. */
  #failed(error: unknown): void {
    const { clock, log } = this.#options;
    this.#restsUntilMs = clock.monotonicMs() + restMs;
    if (error instanceof ChanceryError && error.code === 'CH5450') return;
    log.warn('what this version compiles cannot be written down or led now', problemFields(error));
  }

  async #tryNow(): Promise<void> {
    const { plane, rollouts, lookClose } = this.#options;
    if (!this.#holds) return this.#rest();
    // A commit brings it along; where that one is taken back, it goes on.
    if (plane.revision?.next !== undefined) return rollouts.current && this.pause();
    if (rollouts.current !== undefined) return;
    const own = this.#own?.isSettled === true ? undefined : this.#own;
    const isBack = own?.rollout.state.kind === 'taken-back';
    if (own !== undefined && !isBack) {
      plane.publisher.release(reached(own.rollout));
      return rollouts.resume(own);
    }
    if (isBack && !this.#isAsked) return;
    lookClose();
    if (!this.#isReady()) return;
    if (await this.#isSound()) this.#begin();
  }

  /** Nobody is held: what is left is to say so to those who follow, and to write down what all have. */
  async #rest(): Promise<void> {
    const { recorder, stored, keep, version } = this.#options;
    const [before, own] = [stored(), this.#own];
    this.#judgement = { kind: 'none' };
    await recorder.look();
    if (before !== undefined && before.rollout.compiledBy !== version) await keep(undefined);
    else if (own?.isSettled === false) await keep({ ...own, isSettled: true });
  }

  /** As many as can be are there to be looked at, and have been for a while: what they count is held against that. */
  #isReady(): boolean {
    const { plane, isThere, watchMs, clock } = this.#options;
    const waitedMs = clock.monotonicMs() - this.#sinceMs;
    const held = plane.held.map(({ proxy }) => proxy);
    if (held.length === 0) return true;
    if (waitedMs < watchMs()) return false;
    return waitedMs < comeBackMs ? held.every(isThere) : held.some(isThere);
  }

  async #isSound(): Promise<boolean> {
    if (this.#judgement.kind === 'passed') return true;
    if (this.#judgement.kind !== 'none') return false;
    this.#judgement = { kind: 'open' };
    const { judge, log } = this.#options;
    try {
      const error = (await judge()).find(({ severity }) => severity === 'error');
      this.#judgement = error === undefined ? { kind: 'passed' } : { kind: 'refused', error };
      if (error !== undefined)
        log.error('what this version compiles otherwise is refused', findingFields(error));
    } catch (error) {
      this.#judgement = { kind: 'none' };
      throw error;
    }
    return this.#judgement.kind === 'passed';
  }

  #begin(): void {
    const { plane, rollouts, version } = this.#options;
    const { intent } = plane;
    // While it was judged another commit may have come.
    const isFree = plane.revision?.next === undefined && rollouts.current === undefined;
    if (!this.#holds || !isFree || intent.kind !== 'running') return;
    this.#isAsked = false;
    const commit = { id: intent.tree.commit, subject: intent.tree.subject };
    // What this version does not understand is closed, and that denies.
    const denialsExpected = intent.carried.some((error) => !goesOn(error));
    rollouts.begin({
      ...{ intent: intent.intent, compiled: undefined, commit, base: commit },
      ...{ urgent: false, denialsExpected, compiledBy: version },
    });
  }
}

/** What is said of another commit or version says nothing of this one. */
export function isOwn(
  upgrade: StoredUpgrade | undefined,
  { running, version }: { readonly running: string | undefined; readonly version: string },
): upgrade is StoredUpgrade {
  const { commit, compiledBy } = upgrade?.rollout ?? {};
  return upgrade !== undefined && commit === running && compiledBy === version;
}

/**
 * Brings the plane to where the store says that it is. A commit on its way brings it to those that it reaches. `isFirst`: who
 * is held was found out just now, from what was written down before it was settled.
 */
export function followUpgrade(
  plane: ControlPlane,
  { running, next, upgrade }: StoredRevision,
  { version, isFirst }: { readonly version: string; readonly isFirst: boolean },
): void {
  const { publisher } = plane;
  const own = isOwn(upgrade, { running, version }) ? upgrade : undefined;
  if (own?.isSettled === true && !isFirst) publisher.releaseAll();
  else if (own?.isSettled === true) publisher.release(new Set());
  else publisher.release(next === undefined && own ? reached(own.rollout) : new Set());
}

import { isUnderWay, type Rollout } from '../../rollout/rollout.ts';

/** For `revision list`. */
const historyMax = 200;

/** The rollouts that this control plane led, or saw another one lead. */
export class RolloutHistory {
  readonly #rollouts: Rollout[] = [];

  /** Newest first. */
  get all(): readonly Rollout[] {
    return [...this.#rollouts].reverse();
  }

  get last(): Rollout | undefined {
    return this.#rollouts.at(-1);
  }

  /** Where a rollout is now. */
  observe(rollout: Rollout): void {
    const { last } = this;
    // The clock of who leads it may have been set meanwhile.
    const isSame = last?.startedMs === rollout.startedMs || (last && isUnderWay(last.state));
    if (isSame && last?.commit === rollout.commit) this.#rollouts.pop();
    this.#rollouts.push(rollout);
    if (this.#rollouts.length > historyMax) this.#rollouts.shift();
  }

  /** The last one of a commit. */
  of(commit: string): Rollout | undefined {
    return this.#rollouts.findLast((one) => one.commit === commit);
  }

  replace(before: Rollout, by: Rollout): void {
    const at = this.#rollouts.lastIndexOf(before);
    if (at !== -1) this.#rollouts[at] = by;
  }

  /**
   * What runs is through its waves, also where nobody here saw its last step: one that follows reads what holds now, and not
   * each step before it.
   */
  ran(commit: string, nowMs: number): void {
    const known = this.of(commit);
    if (known === undefined || (!isUnderWay(known.state) && known.state.kind !== 'halted')) return;
    this.replace(known, { ...known, state: { kind: 'live', sinceMs: nowMs } });
  }
}

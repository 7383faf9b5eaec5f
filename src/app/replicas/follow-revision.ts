import type { Finding } from '../../base/finding.ts';
import { findingFields, type Log } from '../../base/log.ts';
import { intentWith } from '../../breakglass/grant-rule.ts';
import type { ParsedIntent } from '../../model/parse.ts';
import type { Intent } from '../../model/types.ts';
import { reached } from '../../rollout/rollout.ts';
import { unreadFinding } from '../carried-findings.ts';
import { type AcceptMore, type ControlPlane, takenBackFinding } from '../control-plane.ts';
import type { IntentTree } from '../intent-source.ts';
import type { RolloutPlane } from '../rollouts/proposal.ts';
import type { KeptRollout } from '../rollouts/rollouts.ts';
import type { Hold, RunningCompiled } from '../upgrade/open-hold.ts';
import { followUpgrade } from '../upgrade/upgrades.ts';
import type { ReadRevision, RevisionStore, StoredRevision } from './revision-store.ts';

interface RevisionFollowerParts {
  readonly plane: ControlPlane;
  /** What rollouts do to the plane; the same for who leads and who follows. */
  readonly moves: RolloutPlane;
  readonly revisions: RevisionStore;
  readonly read: (tree: IntentTree) => ParsedIntent;
  /** Who is to go on with what another version made of what runs; it fails for nothing. */
  readonly holdOf: (running: RunningCompiled) => Promise<Hold | undefined>;
  readonly log: Log;
  /** Of this program. */
  readonly programVersion: string;
}

/**
 * Brings the plane to where the store says that the mesh is. The same way for a replica that follows, for one that comes
 * back, and for one that begins to lead: whoever had what was under way keeps it.
 */
export class RevisionFollower {
  readonly #parts: RevisionFollowerParts;
  #taken: ReadRevision | undefined;
  #unread: { readonly commit: string; readonly finding: Finding } | undefined;
  /** What the store says, where this version cannot read the commit that is on its way. */
  #unreadNext: ReadRevision | undefined;
  #taking: Promise<void> = Promise.resolve();
  #isTaking = false;

  constructor(parts: RevisionFollowerParts) {
    this.#parts = parts;
  }

  /** Version of what is in effect here; proxies that have converged have this. */
  get version(): number {
    return this.#taken?.version ?? 0;
  }

  /** What the plane accepts now is what the store says, and nothing that this replica is to lead. */
  get isTaking(): boolean {
    return this.#isTaking;
  }

  /**
   * What the mesh is to be where a leader cannot read what is on its way: nobody could say how those do who have it, so they
   * go back. Undefined: nothing is.
   */
  get withoutUnread(): StoredRevision | undefined {
    const { running } = this.#unreadNext ?? {};
    if (running === undefined) return undefined;
    const nothing = { next: undefined, rollout: undefined, denialsExpected: false, touched: [] };
    return { running, ...nothing };
  }

  isUnread(commit: string): boolean {
    return this.#unread?.commit === commit;
  }

  /** What the mesh runs and this version cannot read. */
  get findings(): readonly Finding[] {
    return this.#unread === undefined ? [] : [this.#unread.finding];
  }

  /** The leader is where it has just written. */
  wrote(revision: ReadRevision): void {
    this.#have(revision);
  }

  /** What a leader goes on with: what is under way, or the branch of what was taken back; undefined: nothing. */
  get underWay(): KeptRollout | undefined {
    const { next, rollout, denialsExpected = false, touched = [] } = this.#taken ?? {};
    if (rollout === undefined) return undefined;
    if (next === undefined && rollout.state.kind !== 'taken-back') return undefined;
    return { rollout, denialsExpected, touched, isSettled: false };
  }

  /** How far what another version of the control plane compiles otherwise got. */
  get upgrade(): StoredRevision['upgrade'] {
    return this.#taken?.upgrade;
  }

  /** As the store has it, without its version; undefined: nothing is known yet. */
  get stored(): StoredRevision | undefined {
    if (this.#taken === undefined) return undefined;
    const { version: _, ...stored } = this.#taken;
    return stored;
  }

  get rollout(): ReadRevision['rollout'] {
    return this.#taken?.rollout;
  }

  /** Resolves when the plane is where the store says. Rejects when the store cannot be read. */
  catchUp(): Promise<void> {
    const run = this.#taking.then(async () => {
      const revision = await this.#parts.revisions.read();
      if (revision === undefined || this.#isThere(revision)) return;
      this.#isTaking = true;
      await this.#take(revision).finally(() => {
        this.#isTaking = false;
      });
    });
    this.#taking = run.catch(() => {});
    return run;
  }

  /** By what the plane runs, too: a leader that lost its lease may have accepted what it could not write. */
  #isThere({ version, running, next }: ReadRevision): boolean {
    const { revision } = this.#parts.plane;
    return version === this.version && revision?.running === running && revision.next === next;
  }

  async #take(revision: ReadRevision): Promise<void> {
    const { plane, moves, programVersion } = this.#parts;
    const { running, next, rollout } = revision;
    this.#unreadNext = undefined;
    const isBack = rollout?.state.kind === 'taken-back';
    if (isBack) plane.forbid(rollout.commit, takenBackFinding(rollout.state.reason));
    const before = plane.revision;
    if (before?.next !== undefined && before.running === running && next === undefined) {
      moves.withdraw(
        before.next,
        isBack && rollout.commit === before.next ? rollout.state.reason : undefined,
      );
    }
    if (plane.revision?.running !== running) {
      if (plane.revision?.next !== running && !(await this.#accept(running))) return;
      if (plane.revision?.next === running) moves.settle();
    }
    const isFirst = this.#taken === undefined;
    followUpgrade(plane, revision, { version: programVersion, isFirst });
    if (next !== undefined) {
      if (plane.revision?.next !== next && !(await this.#accept(next))) {
        this.#unreadNext = revision;
        return;
      }
      if (rollout !== undefined && plane.revision?.next === next) moves.reach(reached(rollout));
    }
    this.#have(revision);
  }

  #have(revision: ReadRevision): void {
    this.#unread = undefined;
    this.#unreadNext = undefined;
    this.#taken = revision;
  }

  /** False: what ran here before goes on, if anything did, and no proxy here counts as having the commit. */
  async #accept(commit: string): Promise<boolean> {
    const { plane, revisions, read, log } = this.#parts;
    const tree = await revisions.tree(commit);
    const reading = tree && read(tree);
    const intent = reading?.intent ?? reading?.carried?.intent;
    if (tree === undefined || intent === undefined) {
      const unread = unreadFinding(commit, reading?.findings ?? []);
      if (this.#unread?.commit !== commit) {
        log.error('what the mesh runs cannot be read here', { commit, ...findingFields(unread) });
      }
      this.#unread = { commit, finding: unread };
      return false;
    }
    // It passed the gates of whoever accepted it, and runs; what this version says of it is for the next commit.
    const carried = reading?.intent === undefined ? reading?.carried?.errors : undefined;
    const warnings = (reading?.findings ?? []).filter(({ severity }) => severity === 'warning');
    const first = plane.revision === undefined ? await this.#first(commit, intent) : {};
    const more = { warnings, approved: false, compiled: undefined };
    plane.accept(tree, intent, { ...more, carried: carried ?? [], ...first });
    return true;
  }

  /** What proxies have of it another version may have made, whatever it came to be since. */
  async #first(commit: string, bare: Intent): Promise<Pick<AcceptMore, 'compiled' | 'hold'>> {
    const { plane, holdOf } = this.#parts;
    const { publisher, inventory } = plane;
    const now = publisher.compile(undefined, intentWith(bare, publisher.given.grants), inventory);
    return { compiled: now, hold: await holdOf({ commit, bare, now, compile: publisher.compile }) };
  }
}

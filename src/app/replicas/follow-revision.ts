import type { Finding } from '../../base/finding.ts';
import { findingFields, type Log } from '../../base/log.ts';
import type { Compiled } from '../../compile/revision.ts';
import type { ParsedIntent } from '../../model/parse.ts';
import type { Intent } from '../../model/types.ts';
import { reached } from '../../rollout/rollout.ts';
import { unreadFinding } from '../carried-findings.ts';
import { type ControlPlane, takenBackFinding } from '../control-plane.ts';
import { brokenGate } from '../gate/outcome.ts';
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
  /** Of what the mesh runs it cannot read this commit (any more). */
  readonly onUnread: (commit: string | undefined) => void;
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

  /** Whether what the mesh runs, or has on its way, cannot be read here: another replica leads it better. */
  get isBlind(): boolean {
    return this.#unread !== undefined;
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
    if (this.#unread !== undefined) this.#parts.onUnread(undefined);
    this.#unread = undefined;
    this.#unreadNext = undefined;
    this.#taken = revision;
  }

  /** False: what ran here before goes on, if anything did, and no proxy here counts as having the commit. */
  async #accept(commit: string): Promise<boolean> {
    const { plane, revisions, log, holdOf, onUnread } = this.#parts;
    const tree = await revisions.tree(commit);
    const tried = tree === undefined ? { findings: [] } : this.#tried(tree);
    if (tree === undefined || 'findings' in tried) {
      const unread = unreadFinding(commit, 'findings' in tried ? tried.findings : []);
      if (this.#unread?.commit !== commit) {
        log.error('what the mesh runs cannot be read here', { commit, ...findingFields(unread) });
      }
      this.#unread = { commit, finding: unread };
      onUnread(commit);
      return false;
    }
    const { reading, intent, compiled } = tried;
    // It passed the gates of whoever accepted it, and runs; what this version says of it is for the next commit.
    const carried = reading.intent === undefined ? reading.carried?.errors : undefined;
    const warnings = reading.findings.filter(({ severity }) => severity === 'warning');
    const more = { warnings, approved: false, compiled, carried: carried ?? [] };
    // What proxies have of it another version may have made, whatever it came to be since.
    const hold =
      plane.revision === undefined
        ? await holdOf({ commit, bare: intent, now: compiled, compile: plane.publisher.compile })
        : undefined;
    plane.accept(tree, intent, { ...more, hold });
    return true;
  }

  /** What fails in the reader or in the compiler of this version is a commit that it cannot read, and ends no process. */
  #tried(tree: IntentTree): Tried | { readonly findings: readonly Finding[] } {
    const { plane, read } = this.#parts;
    try {
      const reading = read(tree);
      const intent = reading.intent ?? reading.carried?.intent;
      if (intent === undefined) return { findings: reading.findings };
      return { reading, intent, compiled: plane.tryOut(intent, tree.commit) };
    } catch (error) {
      return { findings: [brokenGate('compile', error)] };
    }
  }
}

interface Tried {
  readonly reading: ParsedIntent;
  readonly intent: Intent;
  readonly compiled: Compiled;
}

import { sleep } from '../../base/clock.ts';
import type { TellingClock } from '../../base/clock-watch.ts';
import { ChanceryError } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { ParsedIntent } from '../../model/parse.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentSource, IntentTree } from '../intent-source.ts';
import type { Accepted } from '../intent-state.ts';
import { ApplicationLog } from '../rollouts/application-log.ts';
import { DeskLog } from '../rollouts/desk-log.ts';
import { openRollouts, proposalOf, rolloutMoves } from '../rollouts/open-rollouts.ts';
import { PoolDesks } from '../rollouts/pool-desks.ts';
import type { Rollouts } from '../rollouts/rollouts.ts';
import type { SignalLog } from '../rollouts/signal-log.ts';
import { heldFrom, openUpgrades } from '../upgrade/open-upgrades.ts';
import type { Upgrades } from '../upgrade/upgrades.ts';
import { ownVersion } from '../version.ts';
import { Fleet, standingKind } from './fleet.ts';
import { RevisionFollower } from './follow-revision.ts';
import type { Replica } from './replica.ts';
import { RevisionStore, revisionKind, type StoredRevision } from './revision-store.ts';
import { serialWrites } from './serial-writes.ts';

const retryMs = 500;

interface OpenRevisionsParts {
  readonly replica: Replica;
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly store: Store;
  readonly signals: SignalLog;
  readonly clock: TellingClock;
  readonly log: Log;
  readonly watchMs: () => number;
  readonly read: (tree: IntentTree) => ParsedIntent;
  readonly takeBack: IntentSource['takeBack'];
  /** Gates for what no commit changed. */
  readonly judge: () => Promise<readonly Finding[]>;
  /** Of this program, where it stands for another one. */
  readonly version?: string;
}

/** What the mesh runs on, in the store and at every replica: who leads writes it, the others follow. */
export interface Revisions {
  readonly rollouts: Rollouts;
  /** What this version of the control plane makes otherwise of what runs. */
  readonly upgrades: Upgrades;
  readonly follower: RevisionFollower;
  readonly fleet: Fleet;
  /** To be told how the applications of hosts stand. */
  readonly applications: ApplicationLog;
  /** And by what their desks decide. */
  readonly desks: DeskLog;
  /** Those of the pool, which decide for proxies of any host. */
  readonly pool: PoolDesks;
  /** Makes a tree that passed the gates durable. False: this replica does not lead any more. */
  keep(tree: IntentTree): Promise<boolean>;
  /** Brings the plane to where the store says that the mesh is, before anybody is answered. */
  start(): Promise<void>;
  /** Leaves the lease to a replica that can read what the mesh runs, where this one cannot. False: it can, or nobody does. */
  yields(): boolean;
  /** Brings what is on its way back where this version, which leads now, cannot read it. */
  abandonUnread(): Promise<void>;
  /** Leads what the plane has accepted, or has it ready for whoever it reaches elsewhere. */
  accepted(accepted: Accepted): void;
}

export function openRevisions(parts: OpenRevisionsParts): Revisions {
  const { replica, plane, xds, store, clock, log, watchMs, read } = parts;
  const revisions = new RevisionStore(store, replica.fenced);
  const moves = rolloutMoves(plane, watchMs);
  const programVersion = parts.version ?? ownVersion();
  const follower = new RevisionFollower({
    ...{ plane, moves, revisions, read, log, programVersion },
    holdOf: (running) => heldFrom(store, running, log),
    onUnread: (commit) => void replica.presence.unread(commit),
  });
  const fleet = new Fleet({
    ...{ store, clock, xds, plane, replica: replica.id },
    revision: () => follower.version,
    nameOf: (id) => replica.presence.nameOf(id),
  });
  const change = serialWrites(async (make) => {
    const revision = make(follower.stored);
    if (revision === undefined) return;
    follower.wrote({ ...revision, version: await revisions.write(revision) });
    fleet.revised();
  });
  const write = (revision: StoredRevision): Promise<void> =>
    change((before) => withUpgrade(revision, before));
  const applications = new ApplicationLog();
  const desks = new DeskLog();
  const pool = new PoolDesks({ plane, fleet, desks, clock });
  const evidence = { ...parts, applications, desks, pool, fleet };
  const rollouts = openRollouts({ ...evidence, moves, write });
  const upgrades = openUpgrades({
    ...{ ...evidence, fenced: replica.fenced, version: programVersion },
    stored: () => follower.upgrade,
    keep: (upgrade) => change((before) => before && { ...before, upgrade }),
  });
  const yields = (): boolean => yieldsTo(replica, follower, log);
  plane.onMoved(() => rollouts.ran(plane.revision?.running));
  replica.onBeat = () => {
    fleet.heard();
    if (replica.isLeading) yields();
  };
  replica.feed.follow(standingKind, [], (changes) => fleet.take(changes));
  replica.feed.follow(revisionKind, [], async () => {
    // Who leads is where it has written, or stops to lead.
    if (replica.isLeading) return;
    await follower.catchUp();
    observe({ plane, follower, rollouts });
    fleet.revised();
  });
  return {
    ...{ rollouts, upgrades, follower, fleet, applications, desks, pool },
    keep: (tree) => keepTree({ ...parts, revisions, rollouts, write }, tree),
    yields,
    start: () => startAt(follower, rollouts),
    abandonUnread: async () => {
      const rest = follower.withoutUnread;
      if (rest !== undefined) await write(rest);
    },
    accepted: (accepted) => {
      const { intent, tree, compiled } = accepted;
      if (!follower.isTaking) return begin({ plane, rollouts, upgrades }, accepted);
      moves.propose(intent, { id: tree.commit, subject: tree.subject }, compiled);
    },
  };
}

interface KeepParts extends Pick<OpenRevisionsParts, 'replica' | 'plane' | 'clock' | 'log'> {
  readonly revisions: RevisionStore;
  readonly rollouts: Rollouts;
  readonly write: (revision: StoredRevision) => Promise<void>;
}

async function keepTree(parts: KeepParts, tree: IntentTree): Promise<boolean> {
  const { replica, revisions, plane, rollouts, write, clock, log } = parts;
  while (replica.isLeading) {
    try {
      await revisions.keepTree(tree);
      if (plane.revision === undefined) await write(first(tree));
      // One that is just being taken back is not what this one comes on top of.
      if (await rollouts.written()) return true;
      if (replica.role.isEnding) return false;
      await sleep(clock, retryMs);
    } catch (error) {
      if (error instanceof ChanceryError && error.code === 'CH5450') return false;
      const { commit } = tree;
      log.error('the store did not take a commit', { commit, ...problemFields(error) });
      // Whoever leads next reads it again.
      if (replica.role.isEnding) return false;
      await sleep(clock, retryMs);
    }
  }
  return false;
}

/** A commit brings along what this version compiles otherwise. */
function begin(
  {
    plane,
    rollouts,
    upgrades,
  }: { readonly plane: ControlPlane } & Pick<Revisions, 'rollouts' | 'upgrades'>,
  accepted: Accepted,
): void {
  const ahead = plane.publisher.hold === undefined ? undefined : upgrades.rollout;
  upgrades.pause();
  const proposal = proposalOf(accepted);
  // Whoever said that it may deny did not say so of what another version makes of it.
  const denialsExpected = proposal.denialsExpected && plane.publisher.behind.length === 0;
  rollouts.begin({ ...proposal, denialsExpected, ahead });
}

/** Another commit that runs brought along what was compiled otherwise; else that is where it was. */
function withUpgrade(revision: StoredRevision, before: StoredRevision | undefined): StoredRevision {
  const upgrade = before?.running === revision.running ? before.upgrade : undefined;
  return upgrade === undefined ? revision : { ...revision, upgrade };
}

function yieldsTo(
  { presence, leadership }: Replica,
  { isBlind }: Pick<RevisionFollower, 'isBlind'>,
  log: Log,
): boolean {
  if (!isBlind || !presence.hasReaders) return false;
  log.warn('what the mesh runs cannot be read here: another replica is to lead', {});
  void leadership.yield();
  return true;
}

/** Who follows from its start on knows how far the commit is that is on its way: what is watched is not live. */
export async function startAt(
  follower: Pick<RevisionFollower, 'catchUp' | 'rollout'>,
  rollouts: Pick<Rollouts, 'observe'>,
): Promise<void> {
  await follower.catchUp();
  if (follower.rollout !== undefined) rollouts.observe(follower.rollout);
}

/** Where the leader's rollout is now. */
function observe({
  plane,
  follower: { rollout },
  rollouts,
}: Pick<OpenRevisionsParts, 'plane'> & Pick<Revisions, 'follower' | 'rollouts'>): void {
  if (rollout === undefined || rollout === rollouts.all[0]) return;
  rollouts.observe(rollout);
  plane.events.emit({ kind: 'rollout', rollout });
}

function first({ commit }: IntentTree): StoredRevision {
  return {
    running: commit,
    next: undefined,
    rollout: undefined,
    denialsExpected: false,
    touched: [],
  };
}

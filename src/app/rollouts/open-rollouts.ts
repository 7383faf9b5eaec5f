import type { TellingClock } from '../../base/clock-watch.ts';
import type { NewLedgerEntry } from '../../base/ledger.ts';
import type { Log } from '../../base/log.ts';
import { placeText } from '../../base/place-text.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import { planFacts } from '../../explain/rollouts-at.ts';
import type { BranchState, Rollout } from '../../rollout/rollout.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import { isUrgent } from '../gate/trailers.ts';
import type { Accepted } from '../intent-state.ts';
import type { Fleet } from '../replicas/fleet.ts';
import type { StoredRevision } from '../replicas/revision-store.ts';
import type { ApplicationLog } from './application-log.ts';
import type { BranchReturnOptions } from './branch-return.ts';
import type { DeskLog } from './desk-log.ts';
import type { ProxyStanding } from './judge.ts';
import type { PoolDesks } from './pool-desks.ts';
import type { Proposal, RolloutPlane } from './proposal.ts';
import { type KeptRollout, Rollouts } from './rollouts.ts';
import type { SignalLog } from './signal-log.ts';
import { lookCloseMs } from './watched.ts';

/** While nothing is on its way: what a commit is held against. */
const lookCalmMs = 5_000;

/** Agents are to tell often what proxies count, or seldom. */
export function looker(plane: ControlPlane, watchMs: () => number): (isClose: boolean) => void {
  return (isClose) => plane.look(watchMs() === 0 ? 0 : isClose ? lookCloseMs : lookCalmMs);
}

/** What a rollout does to the plane, for who leads it and for who follows; agents look closely while one is under way. */
export function rolloutMoves(plane: ControlPlane, watchMs: () => number): RolloutPlane {
  const look = looker(plane, watchMs);
  look(false);
  return {
    propose: (intent, commit, compiled) => plane.propose(intent, commit, compiled),
    reach: (proxies) => {
      look(true);
      plane.reach(proxies);
    },
    settle: () => {
      look(false);
      plane.settle();
    },
    withdraw: (commit, reason) => {
      look(false);
      plane.withdraw(commit, reason);
    },
  };
}

export interface RolloutEvidenceParts {
  readonly plane: ControlPlane;
  readonly fleet: Pick<Fleet, 'status'>;
  readonly store: Pick<Store, 'record'>;
  readonly signals: SignalLog;
  readonly applications: ApplicationLog;
  readonly desks: DeskLog;
  readonly pool: PoolDesks;
  readonly clock: TellingClock;
  readonly log: Log;
  readonly watchMs: () => number;
}

interface OpenRolloutsParts extends RolloutEvidenceParts {
  readonly moves: RolloutPlane;
  readonly write: (revision: StoredRevision) => Promise<void>;
  /** Makes the commit that brings the branch back. */
  readonly takeBack: BranchReturnOptions['takeBack'];
}

/** The rollouts of this control plane, over its proxies, its store and its events. */
export function openRollouts(parts: OpenRolloutsParts): Rollouts {
  const { plane, moves, store, clock, write, takeBack } = parts;
  return new Rollouts({
    ...evidenceParts(parts),
    ...{ takeBack, plane: moves },
    emit: (event) => plane.events.emit(event),
    keep: (kept) => write(revisionOf(kept)),
    record: (rollout) => {
      const { commit, state } = rollout;
      const facts = factsOf(rollout);
      store.record({ atMs: clock.nowMs(), kind: `rollout-${state.kind}`, subject: commit, facts });
    },
  });
}

/** What any rollout is led by, whatever it leads. */
export function evidenceParts(parts: RolloutEvidenceParts) {
  const { clock, log, signals, applications, watchMs } = parts;
  const standing = (proxy: WorkloadId): ProxyStanding => standingOf(parts, proxy);
  return { clock, log, signals, applications, watchMs, standing };
}

/** What the mesh runs on while a rollout is here. */
function revisionOf({ isSettled, ...kept }: KeptRollout): StoredRevision {
  const { commit, base, state } = kept.rollout;
  if (isSettled) return { ...kept, running: commit, next: undefined };
  return { ...kept, running: base, next: state.kind === 'taken-back' ? undefined : commit };
}

export function factsOf(rollout: Rollout): NewLedgerEntry['facts'] {
  const { state, waves } = rollout;
  return {
    ...(state.kind === 'pushing' && state.wave === 0 ? planFacts(rollout) : {}),
    ...('wave' in state ? { wave: state.wave + 1, waves: waves.length } : {}),
    ...('reason' in state ? { reason: state.reason } : {}),
    ...('evidence' in state ? { evidence: state.evidence?.join('\n') ?? '' } : {}),
    ...('by' in state ? { by: state.by } : {}),
    ...(state.kind === 'taken-back' ? branchFacts(state.branch) : {}),
  };
}

function branchFacts(branch: BranchState): NewLedgerEntry['facts'] {
  switch (branch.kind) {
    case 'written':
    case 'as before':
      return { branch: branch.kind, branchCommit: branch.commit };
    case 'open':
    case 'left':
      return {
        branch: branch.kind,
        ...(branch.problem === undefined ? {} : { code: branch.problem.code }),
      };
  }
}

/** A proxy has a commit when its desk has it, too: some commits are about nothing else. */
export function standingOf(
  parts: Pick<OpenRolloutsParts, 'fleet' | 'plane' | 'desks'> & {
    readonly pool: Pick<PoolDesks, 'behind' | 'refused'>;
  },
  proxy: WorkloadId,
): ProxyStanding {
  const { fleet, plane, pool } = parts;
  const { connected, converged, rejected } = fleet.status(proxy);
  const desk = deskOf(parts, proxy);
  const [first] = rejected;
  const place = first?.from[0];
  const at = place === undefined ? '' : ` (${placeText(place)})`;
  const policy = typeof desk === 'string' ? pool.refused : `policy, at its desk: ${desk.refused}`;
  const lacks = desk === 'behind' ? 'the desk of its host has not taken its policy' : pool.behind;
  return {
    connected,
    converged: converged && lacks === undefined,
    lacks,
    isReady: () => plane.workload(proxy)?.state === 'ready',
    refused: first === undefined ? policy : `${first.resource}${at}: ${first.message}`,
  };
}

/**
 * An agent that is away is not waited for, as a proxy is not; nor one that another replica tells, which may be of another
 * version and call the same policy otherwise.
 */
function deskOf({ plane, desks }: Parameters<typeof standingOf>[0], proxy: WorkloadId) {
  const host = plane.workload(proxy)?.host;
  if (host === undefined || plane.watchers(host) === 0) return 'unknown';
  return desks.of(host, plane.policyVersion(host));
}

/** What leads an accepted commit; a removal that a person approved may well be refused to those who used it. */
export function proposalOf({ tree, intent, base, approved, compiled }: Accepted): Proposal {
  const urgent = isUrgent(tree.trailers);
  const commit = { id: tree.commit, subject: tree.subject };
  return { intent, compiled, commit, base, urgent, denialsExpected: approved };
}

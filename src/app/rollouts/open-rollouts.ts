import type { Clock } from '../../base/clock.ts';
import type { NewLedgerEntry } from '../../base/ledger.ts';
import type { Log } from '../../base/log.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { BranchState, Rollout } from '../../rollout/rollout.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import { type Accepted, type ControlPlane, takenBackFinding } from '../control-plane.ts';
import type { BranchReturnOptions } from './branch-return.ts';
import { type Proposal, Rollouts } from './rollouts.ts';
import type { SignalLog } from './signal-log.ts';
import { lookCloseMs } from './watched.ts';

const rolloutKind = 'rollout';
const currentId = 'current';
/** While nothing is on its way: what a commit is held against. */
const lookCalmMs = 5_000;

export interface OpenRolloutsParts {
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly store: Store;
  readonly signals: SignalLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly watchMs: () => number;
  /** Makes the commit that brings the branch back. */
  readonly takeBack: BranchReturnOptions['takeBack'];
}

/** The rollouts of this control plane, over its proxies, its store and its events. */
export function openRollouts(parts: OpenRolloutsParts): Rollouts {
  const { plane, store, signals, clock, log, watchMs, takeBack } = parts;
  const look = (isUnderWay: boolean): void =>
    plane.look(watchMs() === 0 ? 0 : isUnderWay ? lookCloseMs : lookCalmMs);
  look(false);
  return new Rollouts({
    ...{ clock, log, signals, watchMs, takeBack },
    plane: {
      propose: (intent, commit) => plane.publisher.propose(intent, commit),
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
    },
    standing: (proxy) => standingOf(parts, proxy),
    emit: (event) => plane.events.emit(event),
    record: (rollout) => {
      const { commit, state } = rollout;
      const facts = factsOf(rollout);
      store.record({ atMs: clock.nowMs(), kind: `rollout-${state.kind}`, subject: commit, facts });
    },
    keep: async (rollout) => {
      const document = Buffer.from(JSON.stringify(rollout));
      await store.put(rolloutKind, currentId, document, undefined);
    },
  });
}

function factsOf({ state, waves }: Rollout): NewLedgerEntry['facts'] {
  return {
    ...('wave' in state ? { wave: state.wave + 1, waves: waves.length } : {}),
    ...('reason' in state ? { reason: state.reason } : {}),
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

function standingOf({ xds }: OpenRolloutsParts, proxy: WorkloadId) {
  const { streams, converged, rejected } = xds.status(proxy);
  const [first] = rejected;
  const place = first?.from[0];
  const at = place === undefined ? '' : ` (${place.file}:${place.line})`;
  return {
    connected: streams > 0,
    converged,
    refused: first === undefined ? undefined : `${first.resource}${at}: ${first.message}`,
  };
}

/** The rollout that did not come to its end before a restart. What was taken back stays so, although the branch may hold it. */
export async function unfinished(plane: ControlPlane, store: Store): Promise<Rollout | undefined> {
  const stored = await store.get(rolloutKind, currentId);
  if (stored === undefined) return undefined;
  const rollout = withBranch(JSON.parse(Buffer.from(stored.value).toString('utf8')) as Rollout);
  const { commit, state } = rollout;
  if (state.kind === 'taken-back') plane.forbid(commit, takenBackFinding(state.reason));
  return state.kind === 'live' ? undefined : rollout;
}

/** One that an earlier version has taken back: nobody has looked at the branch yet. */
function withBranch(rollout: Rollout): Rollout {
  const { state } = rollout;
  if (state.kind !== 'taken-back') return rollout;
  const branch = (state.branch as BranchState | undefined) ?? { kind: 'open', problem: undefined };
  return { ...rollout, state: { ...state, branch } };
}

const urgentTrailer = 'chancery';
const urgentWord = 'urgent';

/** What leads an accepted commit; a removal that a person approved may well be refused to those who used it. */
export function proposalOf({ tree, intent, base, approved }: Accepted): Proposal {
  const urgent = tree.trailers.get(urgentTrailer)?.includes(urgentWord) === true;
  const commit = { id: tree.commit, subject: tree.subject };
  return { intent, commit, base, urgent, denialsExpected: approved };
}

import type { Finding } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import { err } from '../../base/result.ts';
import { gitFailed } from '../../git/findings.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';
import type { StoredUpgrade } from '../replicas/revision-store.ts';
import {
  evidenceParts,
  factsOf,
  looker,
  type RolloutEvidenceParts,
  standingOf,
} from '../rollouts/open-rollouts.ts';
import type { RolloutPlane } from '../rollouts/proposal.ts';
import { type KeptRollout, Rollouts } from '../rollouts/rollouts.ts';
import { CompiledRecorder } from './compiled-recorder.ts';
import { type Hold, openHold, type RunningCompiled } from './open-hold.ts';
import { Upgrades } from './upgrades.ts';

interface OpenUpgradesParts extends RolloutEvidenceParts {
  readonly fenced: FencedStore;
  readonly judge: () => Promise<readonly Finding[]>;
  readonly stored: () => StoredUpgrade | undefined;
  /** Durable when it resolves. */
  readonly keep: (upgrade: StoredUpgrade | undefined) => Promise<void>;
  /** Of this program. */
  readonly version: string;
}

/** Leads what this version compiles otherwise, over the same proxies and by the same signals as commits are led. */
export function openUpgrades(parts: OpenUpgradesParts): Upgrades {
  const { plane, fenced, judge, stored, keep, clock, log, watchMs, version } = parts;
  const look = looker(plane, watchMs);
  const recorder = new CompiledRecorder({
    ...{ publisher: plane.publisher, store: fenced, clock, version },
  });
  const rollouts = new Rollouts({
    ...evidenceParts(parts),
    plane: upgradeMoves(plane, look),
    // Whoever comes back then finds that what all have is what this version makes.
    keep: async (kept) => {
      if (kept.isSettled) await recorder.flush();
      await keep(storedOf(kept, version));
    },
    record: (rollout) => recordUpgrade(parts, rollout),
    emit: () => {},
    // The branch holds what runs.
    takeBack: async () => err(gitFailed('taking back', 'an upgrade is no commit')),
  });
  return new Upgrades({
    ...{ plane, rollouts, recorder, stored, judge, watchMs, clock, log, version },
    keep,
    isThere: (proxy) => {
      const { connected, converged } = standingOf(parts, proxy);
      return connected && converged;
    },
    lookClose: () => look(true),
  });
}

function storedOf({ rollout, ...kept }: KeptRollout, version: string): StoredUpgrade {
  return { ...kept, rollout: { ...rollout, compiledBy: version } };
}

function upgradeMoves(plane: ControlPlane, look: (isClose: boolean) => void): RolloutPlane {
  const { publisher } = plane;
  return {
    propose: () => plane.held,
    reach: (proxies) => {
      look(true);
      publisher.release(proxies);
    },
    settle: () => {
      look(false);
      publisher.releaseAll();
    },
    withdraw: () => {
      look(false);
      publisher.release(new Set());
    },
  };
}

function recordUpgrade(
  { store, clock, log, version }: OpenUpgradesParts,
  rollout: Parameters<typeof factsOf>[0],
): void {
  const { state, commit } = rollout;
  const facts = { ...factsOf(rollout), commit };
  store.record({ atMs: clock.nowMs(), kind: `upgrade-${state.kind}`, subject: version, facts });
  const level = state.kind === 'taken-back' ? 'error' : 'info';
  log[level]('what this version compiles otherwise moved', { state: state.kind, ...facts });
}

/** That nothing can be held is no reason not to serve. */
export async function heldFrom(
  store: Pick<Store, 'get' | 'resource'>,
  running: RunningCompiled,
  log: Log,
): Promise<Hold | undefined> {
  try {
    const hold = await openHold(store, running);
    if (hold === undefined) return undefined;
    const { version, proxies, lost } = hold;
    const facts = { commit: running.commit, before: version, held: proxies.size };
    log.info('another version compiled what runs otherwise', { ...facts, lost: lost.length });
    return hold;
  } catch (error) {
    log.error('what was compiled before cannot be read, and nobody is held', problemFields(error));
    return undefined;
  }
}

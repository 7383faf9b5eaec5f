import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentSource } from '../intent-source.ts';
import { Rollouts } from './rollouts.ts';
import type { SignalLog } from './signal-log.ts';

const rolloutKind = 'rollout';
const currentId = 'current';
/** While nothing is on its way: what a commit is held against. */
const lookCalmMs = 5_000;
/** While one is: soon enough to stop the next wave. */
const lookCloseMs = 500;

export interface OpenRolloutsParts {
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly store: Store;
  readonly signals: SignalLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly watchMs: () => number;
}

/** The rollouts of this control plane, over its proxies, its store and its events. */
export function openRollouts(parts: OpenRolloutsParts): Rollouts {
  const { plane, store, signals, clock, log, watchMs } = parts;
  const look = (isUnderWay: boolean): void =>
    plane.look(watchMs() === 0 ? 0 : isUnderWay ? lookCloseMs : lookCalmMs);
  look(false);
  return new Rollouts({
    ...{ clock, log, signals, watchMs },
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
    keep: async (rollout) => {
      const { commit, state } = rollout;
      store.record({
        atMs: clock.nowMs(),
        kind: `rollout-${state.kind}`,
        subject: commit,
        facts: {
          ...('wave' in state ? { wave: state.wave + 1, waves: rollout.waves.length } : {}),
          ...('reason' in state ? { reason: state.reason } : {}),
          ...('by' in state ? { by: state.by } : {}),
        },
      });
      const document = Buffer.from(JSON.stringify(rollout));
      await store.put(rolloutKind, currentId, document, undefined);
    },
  });
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

/**
 * After a restart: what was on its way begins anew from what ran before it, and what was taken back stays so, although
 * the branch may still hold it.
 */
export async function resumeRollout(
  { plane, store, log }: Pick<OpenRolloutsParts, 'plane' | 'store' | 'log'>,
  source: IntentSource,
): Promise<void> {
  const stored = await store.get(rolloutKind, currentId);
  if (stored === undefined) return;
  const { commit, base, state } = JSON.parse(Buffer.from(stored.value).toString('utf8')) as Rollout;
  if (state.kind === 'live') return;
  if (state.kind === 'taken-back') plane.forbid(commit, state.reason);
  const reading = await source.readAt(base);
  if (reading.kind === 'tree') plane.apply(reading);
  else log.warn('what ran before the last commit cannot be read any more', { base, commit });
}

import { systemClock as clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { Log } from '../../base/log.ts';
import type { Store } from '../../store/store.ts';
import { type ControlPlane, takenBackCode } from '../control-plane.ts';
import type { HostRegistry } from '../hosts/registry.ts';
import type { IntentSource } from '../intent-source.ts';
import { unfinished } from '../rollouts/open-rollouts.ts';
import type { Rollouts } from '../rollouts/rollouts.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { TrafficLog } from '../traffic/traffic-log.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { gates, realEnvoyGate } from './gates.ts';
import { Verdicts } from './verdicts.ts';

/** The gates of this control plane, with the verdicts that its store knows. */
export async function openGate(parts: {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly registry: HostRegistry;
  readonly tracing: Tracing;
  readonly log: Log;
}) {
  const { plane, store, registry, tracing, log } = parts;
  const verdicts = await Verdicts.open({ store, clock, log });
  const traffic = await TrafficLog.open({ store, clock, log });
  for (const [commit, finding] of takenBackIn(verdicts)) plane.forbid(commit, finding);
  const envoy = realEnvoyGate({
    ...{ accepted: acceptedIn(verdicts), env: process.env, clock },
    onProgress: (text) => log.info('the gate looks for Envoy', { text }),
  });
  const gatekeeper = new Gatekeeper({
    ...{ plane, clock, verdicts, tracing },
    gates: gates({
      ...{ envoy, traffic, nowMs: () => clock.nowMs() },
      hostShows: (host) => registry.shows(host),
    }),
  });
  return { gatekeeper, verdicts, traffic };
}

/**
 * What ran last goes on, also where the folder now holds something that is refused. What was on its way goes on too, before
 * any proxy asks: whoever had it keeps it, permissions that were taken away among them.
 */
export async function restoreLast(parts: RestoreParts): Promise<void> {
  await restoreRunning(parts);
  const { intent } = parts.plane;
  // What comes next must stand on it, and every commit from there on must be signed where that is asked for.
  if (intent.kind === 'running') await parts.source.accepted?.(intent.tree.commit);
}

interface RestoreParts {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly source: IntentSource;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
  readonly rollouts: Rollouts;
  readonly log: Log;
}

async function restoreRunning(parts: RestoreParts): Promise<void> {
  const { plane, store, source, gatekeeper, verdicts, rollouts, log } = parts;
  const restore = async (commit: string, approved: boolean): Promise<void> => {
    const tree = await source.at(commit);
    if (tree !== undefined) gatekeeper.restore(tree, approved);
    else log.warn('what ran last cannot be read any more', { commit });
  };
  const rollout = await unfinished(plane, store);
  const base = rollout?.base ?? verdicts.lastAccepted?.commit;
  if (base !== undefined) await restore(base, false);
  if (rollout === undefined) return;
  if (rollout.state.kind === 'taken-back') {
    rollouts.recover(rollout);
    return;
  }
  const verdict = verdicts.get(rollout.commit)?.verdict;
  if (verdict?.kind !== 'accepted' || !plane.runs(rollout.base)) return;
  rollouts.recover(rollout);
  await restore(rollout.commit, verdict.approvedBy !== undefined);
}

/** What hurt once is not tried again, also when the branch is set back to it after a restart. */
function takenBackIn({ all }: Verdicts): readonly (readonly [string, Finding])[] {
  return all.flatMap(({ commit, verdict }) => {
    const findings = verdict.kind === 'refused' ? verdict.findings : [];
    const finding = findings.find(({ code }) => code === takenBackCode);
    return finding === undefined ? [] : [[commit, finding] as const];
  });
}

function acceptedIn({ all }: Verdicts): ReadonlySet<string> {
  const accepted = all.filter(({ verdict }) => verdict.kind === 'accepted');
  return new Set(accepted.map(({ commit }) => commit));
}

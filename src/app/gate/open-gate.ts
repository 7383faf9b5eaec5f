import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { Log } from '../../base/log.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { Store } from '../../store/store.ts';
import { type ControlPlane, takenBackCode } from '../control-plane.ts';
import type { HostRegistry } from '../hosts/registry.ts';
import type { IntentTree } from '../intent-source.ts';
import type { Replica } from '../replicas/replica.ts';
import { Shadows } from '../shadow/shadows.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { FlowLog, flowsKind } from '../traffic/flow-log.ts';
import { TrafficLog, trafficKind } from '../traffic/traffic-log.ts';
import type { Gate } from './candidate.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { gates, realEnvoyGate } from './gates.ts';
import { Verdicts, verdictKind } from './verdicts.ts';

/** The gates of this control plane, with the verdicts that its store knows. */
export async function openGate(parts: {
  readonly plane: ControlPlane;
  readonly replica: Replica;
  readonly store: Store;
  readonly registry: HostRegistry;
  readonly keep: (tree: IntentTree) => Promise<boolean>;
  readonly isUnread: (commit: string) => boolean;
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly log: Log;
  /** In place of the real Envoy, where nothing of it is to be looked for. */
  readonly envoy?: Gate;
}) {
  const { plane, replica, store, registry, keep, isUnread, tracing, clock, log } = parts;
  const verdicts = await Verdicts.open({ store: replica.fenced, clock, log });
  const traffic = await TrafficLog.open({ store, clock, log, replica: replica.name });
  replica.feed.follow(trafficKind, [], (changes) => traffic.hear(changes));
  const flows = await FlowLog.open({ store, clock, log, replica: replica.name });
  replica.feed.follow(flowsKind, [], (changes) => flows.hear(changes));
  const shadows = await Shadows.open({
    ...{ store, fenced: replica.fenced, replica, clock, random, log },
    running: () => (plane.intent.kind === 'running' ? plane.intent.intent : undefined),
    hosts: () => new Set(plane.inventory.map(({ host }) => host)).size,
  });
  const forbid = (): void => {
    for (const [commit, finding] of takenBackIn(verdicts)) plane.forbid(commit, finding);
  };
  forbid();
  replica.feed.follow(verdictKind, [], (changes) => {
    if (replica.isLeading) return;
    verdicts.take(changes);
    forbid();
  });
  const envoy =
    parts.envoy ??
    realEnvoyGate({
      ...{ accepted: acceptedIn(verdicts), env: process.env, clock },
      onProgress: (text) => log.info('the gate looks for Envoy', { text }),
    });
  const all = gates({
    ...{ envoy, traffic, nowMs: () => clock.nowMs() },
    hostShows: (host) => registry.shows(host),
  });
  const gatekeeper = new Gatekeeper({
    ...{ plane, clock, verdicts, tracing, keep, isUnread, isLeading: () => replica.isLeading },
    gates: all,
  });
  return { gatekeeper, gates: all, verdicts, use: { traffic, flows, shadows } };
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

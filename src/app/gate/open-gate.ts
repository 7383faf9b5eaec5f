import { systemClock as clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentTree } from '../intent-source.ts';
import type { Replica } from '../replicas/replica.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { gates, realEnvoyGate } from './gates.ts';
import { Verdicts, verdictKind } from './verdicts.ts';

/** The gates of this control plane, with the verdicts that its store knows. */
export async function openGate(parts: {
  readonly plane: ControlPlane;
  readonly replica: Replica;
  readonly keep: (tree: IntentTree) => Promise<boolean>;
  readonly log: Log;
}) {
  const { plane, replica, keep, log } = parts;
  const verdicts = await Verdicts.open({ store: replica.fenced, clock, log });
  replica.feed.follow(verdictKind, [], (changes) => {
    if (!replica.isLeading) verdicts.take(changes);
  });
  const envoy = realEnvoyGate({
    ...{ accepted: acceptedIn(verdicts), env: process.env, clock },
    onProgress: (text) => log.info('the gate looks for Envoy', { text }),
  });
  const gatekeeper = new Gatekeeper({
    ...{ plane, clock, verdicts, keep, isLeading: () => replica.isLeading },
    // Nobody reports yet who calls whom; the guard rail for edges in use comes to life with the first who does.
    gates: gates({ envoy, traffic: () => undefined, nowMs: () => clock.nowMs() }),
  });
  return { gatekeeper, verdicts };
}

function acceptedIn({ all }: Verdicts): ReadonlySet<string> {
  const accepted = all.filter(({ verdict }) => verdict.kind === 'accepted');
  return new Set(accepted.map(({ commit }) => commit));
}

import { systemClock as clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentSource } from '../intent-source.ts';
import { lastGood } from '../rollouts/open-rollouts.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { gates, realEnvoyGate } from './gates.ts';
import { Verdicts } from './verdicts.ts';

/** The gates of this control plane, with the verdicts that its store knows. */
export async function openGate(plane: ControlPlane, store: Store, log: Log) {
  const verdicts = await Verdicts.open({ store, clock, log });
  const envoy = realEnvoyGate({
    ...{ accepted: acceptedIn(verdicts), env: process.env, clock },
    onProgress: (text) => log.info('the gate looks for Envoy', { text }),
  });
  const gatekeeper = new Gatekeeper({
    ...{ plane, clock, verdicts },
    // Nobody reports yet who calls whom; the guard rail for edges in use comes to life with the first who does.
    gates: gates({ envoy, traffic: () => undefined, nowMs: () => clock.nowMs() }),
  });
  return { gatekeeper, verdicts };
}

/** What ran last goes on, also where the folder now holds something that is refused. */
export async function restoreLast(parts: {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly source: IntentSource;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
  readonly log: Log;
}): Promise<void> {
  const { plane, store, source, gatekeeper, verdicts, log } = parts;
  const commit = (await lastGood(plane, store)) ?? verdicts.lastAccepted?.commit;
  if (commit === undefined) return;
  const tree = await source.at(commit);
  if (tree !== undefined) gatekeeper.restore(tree);
  else log.warn('what ran last cannot be read any more', { commit });
}

function acceptedIn({ all }: Verdicts): ReadonlySet<string> {
  const accepted = all.filter(({ verdict }) => verdict.kind === 'accepted');
  return new Set(accepted.map(({ commit }) => commit));
}

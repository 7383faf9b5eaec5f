import type { WorkloadId } from '../../compile/inventory.ts';
import { calmUntil, reached } from '../../rollout/rollout.ts';
import { type Signals, slowerThanMs, sumOfSignals } from '../../rollout/signals.ts';
import type { SignalLog } from './signal-log.ts';
import { signalsBefore, type Watched } from './watched.ts';

/** A few seconds at the pace of a rollout; the newest. */
const partsShown = 16;

/**
 * What was counted when a proxy was found to do worse, for whoever asks later whether it was the commit: its own reports, and
 * what those had that had it not.
 */
export function evidenceOf(
  watched: Watched,
  { nowMs, signals }: { readonly nowMs: number; readonly signals: SignalLog },
  proxy: WorkloadId,
): readonly string[] {
  const { rollout, touched, since } = watched;
  const { startedMs, waves, state } = rollout;
  const cameMs = since.get(proxy) ?? startedMs;
  const parts = signals.stretches(proxy, cameMs, nowMs);
  const service = touched.find((one) => one.proxy === proxy)?.service;
  const ahead = reached(rollout);
  const others = touched.filter((one) => one.service === service && one.proxy !== proxy);
  const ids = new Set(touched.map((one) => one.proxy));
  const groups: readonly (readonly [string, readonly WorkloadId[]])[] = [
    [`of ${service} with it`, others.map((one) => one.proxy).filter((one) => ahead.has(one))],
    [`of ${service} without it`, others.map((one) => one.proxy).filter((one) => !ahead.has(one))],
    ['that it does not touch', signals.proxies.filter((one) => !ids.has(one))],
  ];
  const wave = 'wave' in state ? `wave ${state.wave + 1} of ${waves.length}` : 'the last wave';
  const cameText = `${((nowMs - cameMs) / 1_000).toFixed(1)} s after it came, in ${wave}`;
  return [
    `${proxy} before it: ${countText(signalsBefore(signals, proxy, calmUntil(rollout)))}`,
    `${proxy} ${cameText}, by report: ${parts.slice(-partsShown).map(countText).join('; ') || 'nothing was reported'}`,
    ...groups.flatMap(([name, group]) => {
      if (group.length === 0) return [];
      const before = sumOf(group, (one) => signalsBefore(signals, one, calmUntil(rollout)));
      const after = sumOf(group, (one) => signals.between(one, cameMs, nowMs));
      const were = `${group.length} proxies ${name}, before it: ${countText(before)}`;
      return [`${were}; since then: ${countText(after)}`];
    }),
  ];
}

function sumOf(
  proxies: readonly WorkloadId[],
  of: (proxy: WorkloadId) => Signals | undefined,
): Signals | undefined {
  return sumOfSignals(proxies.flatMap((proxy) => of(proxy) ?? []));
}

/** What it had of anything. */
function countText(signals: Signals | undefined): string {
  if (signals === undefined) return 'not known';
  const { requests, overMs, errors, clientErrors, denials, handshakeFailures, retries } = signals;
  const late = slowerThanMs.map(
    (boundMs, at) => [`over ${boundMs} ms`, signals.slower[at] ?? 0] as const,
  );
  const counts: readonly (readonly [string, number])[] = [
    ['of 500 and above', errors],
    ['of 400 to 499', clientErrors],
    ['denied', denials],
    ['handshakes failed', handshakeFailures],
    ['repeated', retries],
    ...late,
  ];
  const some = counts.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  const inAll = `${requests} in ${(overMs / 1_000).toFixed(1)} s`;
  return some.length === 0 ? inAll : `${inAll} (${some.join(', ')})`;
}

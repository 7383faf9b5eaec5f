import type { WorkloadId } from '../../compile/inventory.ts';
import { isEverywhere, isUnderWay, type RolloutStep, reached } from '../../rollout/rollout.ts';
import { isNew, type RunChange } from '../../rollout/waves.ts';
import type { ApplicationLog } from './application-log.ts';
import { evidenceOf } from './evidence.ts';
import type { SignalLog } from './signal-log.ts';
import { isHeard, judgeOf, reportMs, type Watched } from './watched.ts';

/** How a proxy stands to what it was sent. */
export interface ProxyStanding {
  readonly connected: boolean;
  readonly converged: boolean;
  /** What it has taken and its desks have not; undefined: they have. */
  readonly lacks?: string | undefined;
  /** What it refused, in one line; undefined: nothing. */
  readonly refused: string | undefined;
  /** Its workload may get requests. */
  readonly isReady: () => boolean;
}

/** What a rollout is judged by. */
export interface Evidence {
  readonly nowMs: number;
  readonly watchMs: number;
  readonly signals: SignalLog;
  readonly applications: ApplicationLog;
  readonly standing: (proxy: WorkloadId) => ProxyStanding;
}

/** A proxy that is there and takes nothing for this long does not take it at all. */
const takeMs = 30_000;
/** Longer than a host gives an application to come up; one that tells nothing by then will not. */
const runMs = 60_000;
/** So much longer is a wave looked at while too little is reported of it. */
const unheardFactorMax = 3;

/** The step that is due now; undefined: none. */
export function dueStep(watched: Watched, evidence: Evidence): RolloutStep | undefined {
  const { state } = watched.rollout;
  if (!isUnderWay(state) && state.kind !== 'live') return undefined;
  const trouble = whyTrouble(watched, evidence);
  if (trouble !== undefined) return { kind: 'hurts', ...trouble };
  switch (state.kind) {
    case 'pushing': {
      const wave = watched.rollout.waves[state.wave] ?? [];
      return wave.every((proxy) => isTaken(watched, proxy, evidence))
        ? { kind: 'taken' }
        : undefined;
    }
    case 'watching':
      return isLookedAt(watched, evidence) ? afterWatching(watched, evidence) : undefined;
    case 'live':
      return undefined;
  }
}

/** Where all of a service who had it are away, nobody has looked at it there: another one is to have it before all others. */
function afterWatching({ touched, rollout }: Watched, { standing }: Evidence): RolloutStep {
  const ahead = reached(rollout);
  const isThere = (proxy: WorkloadId): boolean => {
    const { connected, converged } = standing(proxy);
    return connected && converged;
  };
  const changes = [...Map.groupBy(touched, ({ service }) => service).values()].map((all) => {
    const running = all.filter((one) => !isNew(one)).map(({ proxy }) => proxy);
    const away = running.filter((proxy) => ahead.has(proxy));
    const others = running.filter((proxy) => !ahead.has(proxy) && standing(proxy).connected);
    return away.length === 0 || away.some(isThere) ? [] : [{ away, proxies: others.slice(0, 1) }];
  });
  const due = changes.flat().filter(({ proxies }) => proxies.length > 0);
  if (due.length === 0) return { kind: 'watched' };
  return {
    kind: 'instead',
    away: due.flatMap(({ away }) => away),
    proxies: due.flatMap(({ proxies }) => proxies),
  };
}

/** Whether the time is over for which what has it now is looked at. */
export function isLookedAt(watched: Watched, evidence: Evidence): boolean {
  const { nowMs, watchMs, signals } = evidence;
  const { waves, state } = watched.rollout;
  // Where nobody is touched there is nobody to look at, and nobody calls yet what did not run before.
  const wave = 'wave' in state ? (waves[state.wave] ?? []) : waves.flat();
  if (wave.every((proxy) => runOf(watched, proxy)?.isNew === true)) return true;
  const watchedMs = nowMs - state.sinceMs;
  if (watchedMs < watchMs) return false;
  // A busy host reports late; one that reports nothing holds nobody up for long.
  return isHeard(watched, { nowMs, signals }) || watchedMs >= watchMs * unheardFactorMax;
}

/** All have it, and it was looked at while only one proxy of each service had it; or it says that it cannot wait for that. */
export function isPassed(watched: Watched): boolean {
  const { rollout } = watched;
  const { state, waves, urgent } = rollout;
  if (!isEverywhere(rollout)) return false;
  if (!isUnderWay(state) || urgent === true) return true;
  const tells = (proxy: WorkloadId): boolean => runOf(watched, proxy)?.isNew !== true;
  return waves.slice(0, state.wave).flat().some(tells) || !waves.flat().some(tells);
}

/** What proxies count while nothing can serve behind them is not held against the commit: only its application's end is. */
export function restarting(
  watched: Watched,
  { nowMs, applications }: Pick<Evidence, 'nowMs' | 'applications'>,
): readonly (readonly [WorkloadId, sinceMs: number])[] {
  return [...reached(watched.rollout)].flatMap((proxy) => {
    const told = runOf(watched, proxy) && applications.of(proxy);
    const isAway = told?.state.kind === 'restarting' && told.commit === watched.rollout.commit;
    return isAway ? [[proxy, nowMs + reportMs] as const] : [];
  });
}

/** A proxy that is away takes it when it comes, and an application of a host that starts none is not ours to wait for. */
function isTaken(watched: Watched, proxy: WorkloadId, evidence: Evidence): boolean {
  const { connected, converged, isReady } = evidence.standing(proxy);
  if (connected && !converged) return false;
  const run = runOf(watched, proxy);
  if (run === undefined) return true;
  // The next wave may call it.
  if (run.isNew && evidence.applications.hasHosts && !isReady()) return false;
  const told = evidence.applications.of(proxy);
  if (told === undefined) return true;
  return told.commit === watched.rollout.commit && told.state.kind === 'running';
}

interface Trouble {
  readonly reason: string;
  readonly evidence?: readonly string[];
}

/** Why the revision does not go on, and goes back; undefined: nobody does worse for it. */
function whyTrouble(watched: Watched, evidence: Evidence): Trouble | undefined {
  const { nowMs, standing, signals } = evidence;
  const { rollout } = watched;
  const { state } = rollout;
  const whyWorse = judgeOf(watched, { nowMs, signals });
  for (const proxy of reached(rollout)) {
    const { connected, converged, refused, lacks } = standing(proxy);
    if (refused !== undefined) return { reason: `${proxy} refuses it: ${refused}` };
    if (state.kind === 'pushing' && connected && !converged && nowMs - state.sinceMs > takeMs) {
      const why = lacks === undefined ? '' : `: ${lacks}`;
      return { reason: `${proxy} does not take it within ${takeMs / 1_000} s${why}` };
    }
    const down = whyDown(watched, proxy, evidence);
    if (down !== undefined) return { reason: down };
    const worse = whyWorse(proxy);
    if (worse === undefined) continue;
    const counted = evidenceOf(watched, { nowMs, signals }, proxy);
    return { reason: `${proxy} has ${worse}`, evidence: counted };
  }
  return undefined;
}

/** Why its application does not run as the commit says; undefined: it does, or it is too early to tell. */
function whyDown(watched: Watched, proxy: WorkloadId, evidence: Evidence): string | undefined {
  const { commit, state } = watched.rollout;
  const run = runOf(watched, proxy);
  if (run === undefined) return undefined;
  const told = evidence.applications.of(proxy);
  if (told?.commit === commit && told.state.kind === 'failed') {
    return `the application of ${proxy} does not come up (${run.at}): ${told.state.reason}`;
  }
  const isLate = state.kind === 'pushing' && evidence.nowMs - state.sinceMs > runMs;
  return isLate && !isTaken(watched, proxy, evidence)
    ? `the application of ${proxy} is not up within ${runMs / 1_000} s (${run.at})`
    : undefined;
}

/** A list of those touched never changes; it is asked for each proxy ten times a second. */
const runs = new WeakMap<Watched['touched'], ReadonlyMap<WorkloadId, RunChange>>();

function runOf({ touched }: Watched, proxy: WorkloadId): RunChange | undefined {
  const known =
    runs.get(touched) ??
    new Map(touched.flatMap(({ proxy: id, run }) => (run === undefined ? [] : [[id, run]])));
  runs.set(touched, known);
  return known.get(proxy);
}

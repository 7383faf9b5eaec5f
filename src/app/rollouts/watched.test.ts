import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../base/seeded.fixture.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { ServiceName } from '../../model/types.ts';
import { type Rollout, reached } from '../../rollout/rollout.ts';
import { slowerThanMs } from '../../rollout/signals.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import { SignalLog } from './signal-log.ts';
import { judgeOf, lookCloseMs, type Watched } from './watched.ts';

/** Shares of the requests of a proxy in one report, and how many there are of what it has usually. */
interface Traffic {
  readonly load: number;
  readonly errors: number;
  readonly clientErrors: number;
  readonly retries: number;
  readonly late: number;
}

/** What a proxy has at a time. */
type Weather = (at: {
  readonly index: number;
  readonly isTouched: boolean;
  readonly nowMs: number;
  /** The wave that is under way; -1: the commit has not come yet. */
  readonly wave: number;
  readonly hasCommit: boolean;
}) => Partial<Traffic>;

const touchedCount = 20;
const untouchedCount = 6;
const startedMs = 60_000;
const waveMs = 6_000;
const ids = (name: string, count: number): WorkloadId[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index}` as WorkloadId);
const touchedIds = ids('web', touchedCount);
const waves = [touchedIds.slice(0, 1), touchedIds.slice(1, 2), touchedIds.slice(2)];

/** A commit goes its waves over noisy traffic: why it was taken back; undefined: it was not. */
function rideOut(seed: number, weather: Weather): string | undefined {
  const random = seeded(seed);
  const draw = (count: number, share: number): number => {
    let hits = 0;
    for (let index = 0; index < count; index += 1) if (random() < share) hits += 1;
    return hits;
  };
  const proxies = [...touchedIds, ...ids('other', untouchedCount)].map((id, index) => ({
    ...{ id, index: index % touchedCount, isTouched: index < touchedCount },
    // What is usual differs from service to service, and from proxy to proxy.
    usual: {
      load: 2 + random() * 38,
      ...{ errors: random() * 0.002, clientErrors: random() * 0.1 },
      ...{ retries: random() * 0.05, late: random() * 0.08 },
    },
    counted: { requests: 0, errors: 0, clientErrors: 0, retries: 0, late: 0 },
  }));
  const signals = new SignalLog();
  const since = new Map<WorkloadId, number>();
  const touched = touchedIds.map((proxy): TouchedProxy => {
    return { proxy, service: 'web' as ServiceName };
  });
  for (let nowMs = 0; nowMs <= startedMs + waves.length * waveMs; nowMs += lookCloseMs) {
    const wave = Math.min(waves.length - 1, Math.floor((nowMs - startedMs) / waveMs));
    const rollout: Rollout = {
      ...{ commit: 'c2', subject: '', base: 'c1', startedMs, waves },
      state: { kind: 'watching', wave, sinceMs: nowMs },
    };
    const ahead = wave < 0 ? new Set<WorkloadId>() : reached(rollout);
    for (const { id, index, isTouched, usual, counted } of proxies) {
      const hasCommit = ahead.has(id);
      if (hasCommit && !since.has(id)) since.set(id, nowMs);
      const now = { ...usual, ...weather({ index, isTouched, nowMs, wave, hasCommit }) };
      const load = now.load === usual.load ? usual.load : usual.load * now.load;
      const requests = draw(Math.round(load * 2), 0.5);
      counted.requests += requests;
      for (const kind of ['errors', 'clientErrors', 'retries', 'late'] as const) {
        counted[kind] += draw(requests, now[kind]);
      }
      const { late, ...others } = counted;
      const slower = slowerThanMs.map((boundMs) => (boundMs <= 250 ? late : 0));
      signals.take(id, nowMs, { ...others, slower, denials: 0, handshakeFailures: 0 });
    }
    const watched: Watched = { rollout, touched, since, denialsExpected: false };
    const whyWorse = wave < 0 ? () => undefined : judgeOf(watched, { nowMs, signals });
    for (const proxy of ahead) {
      const why = whyWorse(proxy);
      if (why !== undefined) return `wave ${wave}: ${why}`;
    }
  }
  return undefined;
}

const seeds = Array.from({ length: 30 }, (_, seed) => seed + 1);

function takenBack(weather: Weather): readonly string[] {
  return seeds.flatMap((seed) => rideOut(seed, weather) ?? []);
}

/** When the last wave has come, give or take a report. */
const lastMs = startedMs + 2 * waveMs;

describe('a good commit is not taken back', () => {
  const storms: Readonly<Record<string, Weather>> = {
    'under traffic that is as noisy as before': () => ({}),
    'by pauses of a machine': ({ nowMs, index }) =>
      nowMs % 7_000 < lookCloseMs && index % 2 === 0 ? { late: 0.9 } : {},
    'by a machine that is busy from the last wave on': ({ nowMs }) =>
      nowMs >= lastMs ? { late: 0.6, retries: 0.5 } : {},
    'by one busy proxy among those that got it last': ({ nowMs, index, isTouched }) =>
      isTouched && index === 7 && nowMs >= lastMs ? { late: 0.6, retries: 0.5 } : {},
    'by a caller that asks one proxy for what is not there': ({ nowMs, index, isTouched }) =>
      isTouched && index === 7 && nowMs >= lastMs ? { clientErrors: 0.7 } : {},
    'by callers that ask for more, and for what is not there': ({ nowMs, isTouched }) =>
      isTouched && nowMs >= lastMs ? { load: 2.5, clientErrors: 0.6 } : {},
    'by what was there in its first waves at all proxies': ({ wave, isTouched }) =>
      isTouched && wave >= 0 ? { clientErrors: 0.5, late: 0.5, retries: 0.5 } : {},
    'by trouble that comes and goes everywhere': ({ nowMs }) =>
      nowMs % 20_000 < 8_000 ? { late: 0.4, clientErrors: 0.3, retries: 0.4 } : {},
  };
  for (const [name, weather] of Object.entries(storms)) {
    it(name, () => assert.deepEqual(takenBack(weather), []));
  }
});

/** Where a service has few requests, there may be too few to tell. */
const foundMin = 0.9;

describe('a bad commit is taken back', () => {
  const bad: Readonly<Record<string, Weather>> = {
    'in its first wave by errors, late answers, retries and answers of 404': ({ hasCommit }) =>
      hasCommit ? { errors: 0.3, late: 0.6, retries: 0.6, clientErrors: 0.5 } : {},
    'in its last wave by a third of those that get it then': ({ hasCommit, index, wave }) =>
      hasCommit && wave === 2 && index % 3 === 2 ? { clientErrors: 0.6 } : {},
    'by late answers that come with the load of all': ({ hasCommit, wave }) =>
      hasCommit && wave === 2 ? { late: 0.7 } : {},
    'by answers of 429 that come with the load of all': ({ hasCommit, wave }) =>
      hasCommit && wave === 2 ? { clientErrors: 0.6 } : {},
  };
  for (const [name, weather] of Object.entries(bad)) {
    it(name, () => assert.ok(takenBack(weather).length >= seeds.length * foundMin));
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../base/seeded.fixture.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { ServiceName } from '../../model/types.ts';
import { type Rollout, reached } from '../../rollout/rollout.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import { SignalLog } from './signal-log.ts';
import { judgeOf, lookCloseMs, type Watched } from './watched.ts';

const startedMs = 120_000;
/** As long as a wave is looked at unless somebody says otherwise. */
const waveMs = 5_000;
const calmMs = 5_000;
const untouchedCount = 6;
/** When the last of three waves comes. */
const lastMs = startedMs + 2 * waveMs;

interface At {
  readonly index: number;
  readonly isTouched: boolean;
  readonly nowMs: number;
  readonly wave: number;
  readonly hasCommit: boolean;
}

/** What comes of the usual requests; 1: all. */
type Weather = (at: At, random: () => number) => number;

interface World {
  /** Proxies of the service that the commit touches. */
  readonly count: number;
  /** Requests a second of a proxy: at least, and so many more at most. */
  readonly rate: readonly [least: number, more: number];
  readonly mayCease?: true;
}

const many: World = { count: 12, rate: [8, 60] };
const alone: World = { count: 1, rate: [8, 60] };
const few: World = { count: 12, rate: [0.05, 1] };

function poisson(mean: number, random: () => number): number {
  const limit = Math.exp(-mean);
  let [count, product] = [0, random()];
  while (product > limit) {
    count += 1;
    product *= random();
  }
  return count;
}

/** A commit goes its waves: why it was taken back; undefined: it was not. */
function rideOut(seed: number, { count, rate, mayCease }: World, weather: Weather) {
  const random = seeded(seed);
  const ids = Array.from({ length: count }, (_, index) => `web-${index}` as WorkloadId);
  const waves = [ids.slice(0, 1), ids.slice(1, 2), ids.slice(2)].filter((one) => one.length > 0);
  const touched = ids.map((proxy): TouchedProxy => {
    return { proxy, service: 'web' as ServiceName, ...(mayCease && { mayCease }) };
  });
  const others = Array.from({ length: untouchedCount }, (_, index) => `other-${index}`);
  const proxies = [...ids, ...(others as WorkloadId[])].map((id, index) => {
    const isTouched = index < count;
    const perMs = (rate[0] + random() * rate[1]) / 1_000;
    return { id, index: isTouched ? index : index - count, isTouched, perMs, requests: 0 };
  });
  const signals = new SignalLog();
  const since = new Map<WorkloadId, number>();
  const tickMs = lookCloseMs;
  // What all have is looked at as long again.
  for (let nowMs = 0; nowMs <= startedMs + (waves.length + 1) * waveMs; nowMs += tickMs) {
    const wave = Math.min(waves.length - 1, Math.floor((nowMs - startedMs) / waveMs));
    const rollout: Rollout = {
      ...{ commit: 'c2', subject: '', base: 'c1', startedMs, waves },
      state: { kind: 'watching', wave, sinceMs: nowMs },
    };
    const ahead = wave < 0 ? new Set<WorkloadId>() : reached(rollout);
    for (const one of proxies) {
      const hasCommit = ahead.has(one.id);
      if (hasCommit && !since.has(one.id)) since.set(one.id, nowMs);
      const share = weather({ ...one, nowMs, wave, hasCommit }, random);
      one.requests += poisson(one.perMs * tickMs * share, random);
      // Agents report seldom while nothing is under way.
      if (nowMs < startedMs && nowMs % calmMs !== 0) continue;
      const nothing = { errors: 0, clientErrors: 0, denials: 0, handshakeFailures: 0, retries: 0 };
      signals.take(one.id, nowMs, { requests: one.requests, ...nothing, slower: [] });
    }
    const watched: Watched = { rollout, touched, since, denialsExpected: false };
    const whyWorse = wave < 0 ? () => undefined : judgeOf(watched, { nowMs, signals });
    for (const proxy of ahead) {
      const why = whyWorse(proxy);
      if (why !== undefined) return `wave ${wave}: ${proxy} has ${why}`;
    }
  }
  return undefined;
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1);

function takenBack(world: World, weather: Weather): readonly string[] {
  return seeds.flatMap((seed) => rideOut(seed, world, weather) ?? []);
}

/** The same for all that look at the same moment, and another for each moment. */
function chanceOf(nowMs: number, index: number): number {
  return seeded(nowMs * 31 + index * 7_919)();
}

describe('a commit is not taken back for requests that stop', () => {
  const calm: Readonly<Record<string, readonly [World, Weather]>> = {
    'where none do': [many, () => 1],
    'where few come, and often none': [few, () => 1],
    'where they come in bursts that each proxy has at its own time': [
      many,
      ({ nowMs, index }) => ((nowMs + index * 700) % 4_000 < 1_000 ? 4 : 0),
    ],
    'where they come in bursts of seconds, with pauses as long': [
      many,
      ({ nowMs }) => (nowMs % 12_000 < 6_000 ? 2 : 0),
    ],
    'where they come to all in bursts by chance': [
      many,
      ({ nowMs, index }) => (chanceOf(nowMs, index) < 0.15 ? 6.6 : 0),
    ],
    'where one service of one proxy gets them in bursts by chance': [
      alone,
      ({ nowMs, index }) => (chanceOf(nowMs, index) < 0.15 ? 6.6 : 0),
    ],
    'at nightfall, everywhere': [many, ({ nowMs }) => 2 ** -(nowMs / 8_000)],
    'at nightfall, for the service alone': [
      many,
      ({ nowMs, isTouched }) => (isTouched ? 2 ** -(nowMs / 8_000) : 1),
    ],
    'when all callers of everything stop with the commit': [
      many,
      ({ nowMs }) => (nowMs >= startedMs ? 0 : 1),
    ],
    'when a service of one proxy stops together with the rest': [
      alone,
      ({ nowMs }) => (nowMs >= startedMs ? 0 : 1),
    ],
    'when the callers of the service stop before it has reached all': [
      many,
      ({ nowMs, isTouched }) => (isTouched && nowMs >= lastMs - 2_000 ? 0 : 1),
    ],
    'when they had stopped before the commit': [
      alone,
      ({ nowMs, isTouched }) => (isTouched && nowMs >= startedMs - 6_000 ? 0 : 1),
    ],
    'when one caller of one proxy among the last ends': [
      many,
      ({ nowMs, index, isTouched }) => (isTouched && index === 7 && nowMs >= lastMs ? 0 : 1),
    ],
    'in a pause of two seconds': [
      many,
      ({ nowMs, hasCommit }) => (hasCommit && nowMs < startedMs + 2_000 ? 0 : 1),
    ],
    'by half of them': [many, ({ hasCommit }) => (hasCommit ? 0.5 : 1)],
    'that it sends elsewhere on purpose': [
      { ...many, mayCease: true },
      ({ hasCommit }) => (hasCommit ? 0 : 1),
    ],
  };
  for (const [name, [world, weather]] of Object.entries(calm)) {
    it(name, () => assert.deepEqual(takenBack(world, weather), []));
  }
});

const foundMin = 0.9;

describe('a commit is taken back after which a proxy has no requests any more', () => {
  const lost: Readonly<Record<string, readonly [World, Weather, RegExp]>> = {
    'in its first wave': [
      many,
      ({ hasCommit }) => (hasCommit ? 0 : 1),
      /^wave 0: web-0 has no requests any more in \d\.\d s, where \d+ are to be expected .* without it still have theirs$/,
    ],
    'but for those that look whether it is there': [
      many,
      ({ hasCommit }) => (hasCommit ? 0.02 : 1),
      /^wave [01]: /,
    ],
    'some seconds after it came, when its connections are used up': [
      many,
      ({ hasCommit, nowMs }) => (hasCommit && nowMs > startedMs + 1_500 ? 0 : 1),
      /^wave [01]: /,
    ],
    'in its last wave, of those that get it then': [
      many,
      ({ hasCommit, index, wave }) => (hasCommit && wave === 2 && index >= 2 ? 0 : 1),
      /^wave 2: .* that had it before still have theirs$/,
    ],
    'in its last wave, of all': [
      many,
      ({ hasCommit, wave }) => (hasCommit && wave === 2 ? 0 : 1),
      /^wave 2: .* that it does not touch still have theirs$/,
    ],
    'where it is the only one of its service': [
      alone,
      ({ hasCommit }) => (hasCommit ? 0 : 1),
      /^wave 0: web-0 .* that it does not touch still have theirs$/,
    ],
  };
  for (const [name, [world, weather, why]] of Object.entries(lost)) {
    it(name, () => {
      const found = takenBack(world, weather);
      assert.ok(found.length >= seeds.length * foundMin, `${found.length} of ${seeds.length}`);
      for (const one of found) assert.match(one, why);
    });
  }
});

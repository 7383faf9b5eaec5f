import type { ShadowCounts, ShadowRow, ShadowSample, ShadowTotals } from '../../policy/shadow.ts';
import { samplesMax } from '../../policy/shadow-tally.ts';

/** Of what a host says; a longer one is none of ours. */
const textLengthMax = 1_024;
const rowsMax = 1_000;

const words = {
  effect: ['newly denied', 'newly allowed', 'uncertain'],
  live: ['allow', 'deny'],
  shadow: ['allow', 'deny', 'depends'],
} as const;

/** What a host may say: of the services that it runs, as they were called or as they call. Undefined: it is no report. */
export function readCounts(
  said: unknown,
  services: ReadonlySet<string>,
  trustDomain: string,
): ShadowCounts | undefined {
  if (!isObject(said)) return undefined;
  const { totals, rows, isPartial } = said as Partial<ShadowCounts>;
  if (!isTotals(totals) || !Array.isArray(rows) || rows.length > rowsMax) return undefined;
  const own = rows.flatMap((row: ShadowRow) => {
    const read = isObject(row) ? readRow(row) : undefined;
    return read !== undefined && isOwn(read, services, trustDomain) ? [read] : [];
  });
  const { compared, newlyDenied, newlyAllowed, uncertain, missed } = totals;
  const read = { compared, newlyDenied, newlyAllowed, uncertain, missed };
  return { totals: read, rows: own, isPartial: isPartial === true };
}

function isOwn(
  { service, caller, callee }: ShadowRow,
  services: ReadonlySet<string>,
  trustDomain: string,
): boolean {
  if (!services.has(service)) return false;
  return callee === service || caller === `spiffe://${trustDomain}/${service}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isTotals(totals: ShadowTotals | undefined): totals is ShadowTotals {
  const counts = ['compared', 'newlyDenied', 'newlyAllowed', 'uncertain', 'missed'] as const;
  return isObject(totals) && counts.every((name) => isCount(totals[name]));
}

function readRow(row: ShadowRow): ShadowRow | undefined {
  const { effect, service, caller, callee, method, path, live, shadow } = row;
  const { liveRule, liveCode, shadowRule, shadowCode, on, requests, lastMs, samples } = row;
  const areWords =
    words.effect.includes(effect) && words.live.includes(live) && words.shadow.includes(shadow);
  const texts = [service, caller, callee, method, path];
  const more = { liveRule, liveCode, shadowRule, shadowCode, on };
  const said = Object.entries(more).filter(([, value]) => value !== undefined);
  const areTexts = [...texts, ...said.map(([, value]) => value)].every(isShort);
  if (!areWords || !areTexts || !isCount(requests) || !isCount(lastMs)) return undefined;
  if (!Array.isArray(samples)) return undefined;
  return {
    ...{ effect, service, caller, callee, method, path, live, shadow },
    ...(Object.fromEntries(said) as Partial<ShadowRow>),
    ...{
      requests,
      lastMs,
      samples: samples.slice(0, samplesMax).flatMap(readSample),
    },
  };
}

function readSample(sample: ShadowSample): ShadowSample[] {
  if (!isObject(sample)) return [];
  const { atMs, path, requestId, decision } = sample;
  if (!isCount(atMs) || ![path, requestId ?? '', decision ?? ''].every(isShort)) return [];
  const ids = { ...(requestId && { requestId }), ...(decision && { decision }) };
  return [{ atMs, path, ...ids }];
}

function isShort(value: unknown): boolean {
  return typeof value === 'string' && value.length <= textLengthMax;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

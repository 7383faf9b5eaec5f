import { placeText } from '../../base/place-text.ts';
import type { Intent, ServiceName } from '../../model/types.ts';
import type { ShadowCounts, ShadowEffect, ShadowRow } from '../../policy/shadow.ts';
import type { ShadowDifference, ShadowInfo } from '../../serve/api/wire-shadow.ts';
import type { HeldShadow } from './shadow-record.ts';

interface Found {
  readonly counts: ShadowCounts;
  /** That told. */
  readonly hosts: number;
  readonly hostsInMesh: number;
  readonly running: Intent | undefined;
}

/** What it would do otherwise, with the lines of both sides. */
export function infoOf(
  { record, intent }: HeldShadow,
  isRiding: boolean,
  { counts, hosts, hostsInMesh, running }: Found,
): ShadowInfo {
  const { totals, rows, isPartial } = counts;
  const all = totals.newlyDenied + totals.newlyAllowed + totals.uncertain;
  const listed = rows.reduce((sum, { requests }) => sum + requests, 0);
  return {
    ...record,
    endedMs: isRiding ? undefined : (record.endedMs ?? record.endsMs),
    ...{ hosts, hostsInMesh, totals, isPartial },
    unlisted: Math.max(0, all - listed),
    differences: rows.map((row) => withPlaces(row, running, intent)).sort(byWeight),
  };
}

function withPlaces(row: ShadowRow, running: Intent | undefined, shadow: Intent): ShadowDifference {
  return {
    ...row,
    liveAt: running && placeOf(running, row.callee, row.liveRule),
    shadowAt: placeOf(shadow, row.callee, row.shadowRule),
  };
}

/** Of the rule; where none decided, of the file that would have to hold one. */
function placeOf(intent: Intent, callee: string, rule: string | undefined): string | undefined {
  const service = intent.services.get(callee as ServiceName);
  if (service === undefined) return undefined;
  if (rule === undefined) return service.at.file;
  const found = [...service.allow, ...service.deny].find(({ id }) => id === rule);
  return found && placeText(found.at);
}

const weights: Readonly<Record<ShadowEffect, number>> = {
  'newly denied': 0,
  'newly allowed': 1,
  uncertain: 2,
};

function byWeight(a: ShadowDifference, b: ShadowDifference): number {
  return weights[a.effect] - weights[b.effect] || b.requests - a.requests;
}

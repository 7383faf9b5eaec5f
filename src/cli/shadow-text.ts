import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { ShadowDifference, ShadowInfo } from '../client/gen/api.ts';
import { shortCommit } from './commit-text.ts';
import { count } from './diff-text.ts';
import { table } from './table.ts';
import { type Hue, paint, type Terminal } from './terminal.ts';

/** Of the differences that are listed; --json has all. */
const shownMax = 50;

const hues: Readonly<Record<ShadowDifference['effect'], Hue>> = {
  'newly denied': 'red',
  'newly allowed': 'yellow',
  uncertain: 'dim',
};

/** What rides, how much of the traffic was compared, and every difference with the lines of both sides. */
export function shadowText(info: ShadowInfo, terminal: Pick<Terminal, 'color' | 'width'>): string {
  const shown = info.differences.slice(0, shownMax);
  const more = info.differences.length - shown.length;
  return fitted(
    [
      headText(info),
      agreementText(info),
      '',
      totalsTable(info, terminal.width),
      ...shown.flatMap((one) => ['', differenceText(one, info, terminal)]),
      ...(more > 0 ? ['', `and ${more} more; --json has all`] : []),
      ...notesOf(info),
    ].join('\n'),
    terminal.width,
  );
}

function headText({ branch, commit, subject, by, startedMs, endsMs, ...end }: ShadowInfo): string {
  const what = `${branch} (${shortCommit(commit)}${subject === '' ? '' : ` "${subject}"`})`;
  const since = `${by} let it ride along at ${timeText(startedMs)}`;
  return end.endedMs === undefined
    ? `${what} rides along until ${timeText(endsMs)}; ${since}`
    : `${what} rode along until ${timeText(end.endedMs)} (${end.endedBy ?? 'its end'}); ${since}`;
}

/** One line, for whoever watches. */
export function agreementText({ totals, hosts, hostsInMesh }: ShadowInfo): string {
  const { compared, missed, newlyDenied, newlyAllowed, uncertain } = totals;
  const same = compared - newlyDenied - newlyAllowed - uncertain;
  return [
    `${countText(compared)} of ${countText(compared + missed)} requests compared on ${hosts} of ${hostsInMesh} hosts`,
    `${countText(same)} of ${countText(compared)} the same`,
  ].join('; ');
}

function totalsTable({ totals }: ShadowInfo, width: number): string {
  const { compared, newlyDenied, newlyAllowed, uncertain } = totals;
  const rows = [
    ['newly denied', newlyDenied],
    ['newly allowed', newlyAllowed],
    ['uncertain', uncertain],
    ['same', compared - newlyDenied - newlyAllowed - uncertain],
  ] as const;
  return table({
    header: ['', 'requests', 'of compared'],
    rows: rows.map(([name, count]) => [name, countText(count), shareText(count, compared)]),
    width,
  });
}

function differenceText(
  one: ShadowDifference,
  { commit }: ShadowInfo,
  terminal: Pick<Terminal, 'color'>,
): string {
  const { effect, callee, method, path, requests, lastMs, samples } = one;
  const [last] = samples.slice(-1);
  const edge = `${callerText(one)} -> ${callee}`;
  return [
    `${paint(terminal, hues[effect], effect)}  ${edge}  ${[method, path].join(' ').trim()}  ${countText(requests)} times, last at ${timeText(lastMs)}`,
    `    now     ${liveText(one)}`,
    `    ${shortCommit(commit).slice(0, 7)} ${shadowSideText(one)}`,
    ...(last === undefined ? [] : [`    sample  ${sampleText(last, method)}`]),
  ].join('\n');
}

/** A service of this mesh by its name. */
function callerText({ caller }: ShadowDifference): string {
  if (caller === '') return 'nobody known';
  return /^spiffe:\/\/[^/]+\/([^/]+)$/.exec(caller)?.[1] ?? caller;
}

function liveText({ live, liveRule, liveCode, liveAt }: ShadowDifference): string {
  return sideText(live, liveRule, liveCode, liveAt);
}

function shadowSideText({
  shadow,
  shadowRule,
  shadowCode,
  shadowAt,
  on,
}: ShadowDifference): string {
  const side = sideText(shadow, shadowRule, shadowCode, shadowAt);
  return on === undefined ? side : `${side}; it depends on ${on}`;
}

function sideText(
  verdict: string,
  rule: string | undefined,
  code: string | undefined,
  at: string | undefined,
): string {
  const by = rule === undefined ? '' : ` by ${rule}`;
  const words = `${verdict}${by}${code === undefined ? '' : ` ${code}`}`;
  return at === undefined ? words : `${words}  ${at}`;
}

function sampleText(
  { atMs, path, requestId, decision }: ShadowDifference['samples'][number],
  method: string,
): string {
  const ids = [
    ...(requestId === undefined ? [] : [`request ${requestId}`]),
    ...(decision === undefined ? [] : [`decision ${decision}`]),
  ];
  return [`${method} ${path}`.trim(), timeText(atMs), ...ids].join(', ');
}

function notesOf({ unlisted, isPartial, totals, hosts, hostsInMesh }: ShadowInfo): string[] {
  const notes = [
    ...(unlisted > 0
      ? [
          `${countText(unlisted)} differences are counted above and not listed: there are too many kinds`,
        ]
      : []),
    ...(isPartial ? ['some requests were not seen: a log grew faster than it is read'] : []),
    ...(totals.missed > 0
      ? [
          `${countText(totals.missed)} were not compared: too many at once, or not decided by a policy`,
        ]
      : []),
    ...(hosts < hostsInMesh
      ? [
          `${count(hostsInMesh - hosts, 'host has', 'hosts have')} not told yet, or runs an agent of before`,
        ]
      : []),
  ];
  return notes.length === 0 ? [] : ['', ...notes];
}

function countText(count: number): string {
  return count.toLocaleString('en-US');
}

function shareText(count: number, all: number): string {
  return all === 0 ? '' : `${((100 * count) / all).toFixed(2)} %`;
}

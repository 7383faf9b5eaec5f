import { placeText } from '../base/place-text.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { StatusReply, WorkloadStatus } from '../client/gen/api.ts';
import { warned } from './ca-text.ts';
import { shortCommit } from './commit-text.ts';
import { count, namesText } from './diff-text.ts';
import { commandText } from './help-text.ts';
import { span } from './host-text.ts';
import { table } from './table.ts';
import { type Hue, paint, type Terminal } from './terminal.ts';

type Look = Pick<Terminal, 'color' | 'width'>;
type Standing = WorkloadStatus['proxy'];

/** In the order in which they are looked at. */
const hues: Readonly<Record<Standing, Hue>> = {
  stuck: 'red',
  refusing: 'red',
  away: 'red',
  converging: 'yellow',
  connected: 'green',
  converged: 'green',
};
const standings = Object.keys(hues) as Standing[];

export function isFine({ proxy, workload }: WorkloadStatus): boolean {
  return (proxy === 'converged' || proxy === 'connected') && workload.state === 'ready';
}

/** What needs a person comes first; of many workloads that are fine only the number is shown. */
export function statusText(
  reply: StatusReply,
  { dir, all }: { readonly dir: string; readonly all: boolean },
  look: Look,
): string {
  const { atMs, isPast, workloads } = reply;
  const time = isPast ? `, at ${timeText(atMs)}` : '';
  return fitted(
    [
      `${paint(look, 'bold', `${reply.mesh} at ${shortCommit(reply.commit)}`)} ${reply.subject}${time}`,
      summaryText(workloads, look),
      ...commitLines(reply, dir, look),
      ...warned(reply.warnings, look),
      ...withheldLines(reply, look),
      ...workloads.flatMap((one) => troubleLines(one, reply, dir, look)),
      ...replicaLines(reply, look),
      ...deskLines(reply, look),
      // Without any, what follows has its own empty line.
      ...(workloads.length === 0 ? [] : ['', ...workloadLines(workloads, all, reply, look)]),
      ...countsLines(reply, look),
    ].join('\n'),
    look.width,
  );
}

/** How many proxies are in which state. */
function summaryText(workloads: readonly WorkloadStatus[], look: Look): string {
  const counts = standings.flatMap((standing) => {
    const number = workloads.filter(({ proxy }) => proxy === standing).length;
    return number === 0 ? [] : [paint(look, hues[standing], `${number} ${standing}`)];
  });
  const sick = workloads.filter(({ workload }) => workload.state !== 'ready').length;
  const apps = sick === 0 ? '' : `; ${paint(look, 'yellow', `${sick} not ready`)}`;
  const proxies = count(workloads.length, 'proxy', 'proxies');
  return workloads.length === 0 ? 'no proxies' : `${proxies}: ${counts.join(', ')}${apps}`;
}

function commitLines({ refused, waiting }: StatusReply, dir: string, look: Look): string[] {
  const lines: string[] = [];
  if (refused !== undefined) {
    const { commit, codes, findings } = refused;
    const head = `refused: ${shortCommit(commit)} (${codes.join(', ')}); the commit above goes on`;
    const why = findings.map(({ code, message, at }) => `  ${code} ${message}${placeNote(at)}`);
    const more = command('revision show', shortCommit(commit), dir, look);
    lines.push(paint(look, 'red', head), ...why, more);
  }
  if (waiting !== undefined) {
    const { commit, subject, codes } = waiting;
    const head = `waits for approval: ${shortCommit(commit)} ${subject} (${codes.join(', ')}); the commit above goes on`;
    lines.push(paint(look, 'yellow', head), command('approve', shortCommit(commit), dir, look));
  }
  return lines;
}

function command(verb: string, name: string, dir: string, { width }: Look): string {
  return commandText(`chancery ${verb} ${name} ${dir}`.trimEnd(), width);
}

function withheldLines({ withheld, atMs }: StatusReply, look: Look): string[] {
  return withheld.flatMap(({ resource, proxies, from, message, sinceMs }) => [
    paint(
      look,
      'red',
      `withheld from all others for ${span(atMs - sinceMs)}: ${resource}${placeNote(from[0])}`,
    ),
    `  refused by ${namesText(proxies, namesShown)}: ${message}`,
  ]);
}

const namesShown = 3;

/** Each refusal with its line, and what a proxy that lags waits for. */
function troubleLines(
  { workload, proxy, sinceMs, rejected, waitsFor }: WorkloadStatus,
  { atMs }: StatusReply,
  dir: string,
  look: Look,
): string[] {
  const refusals = rejected.flatMap(({ resource, state, from, message, sinceMs: fromMs }) => {
    const verb = state === 'rejected' ? 'refuses' : 'is spared';
    const head = `${workload.id} ${verb} ${resource}${placeNote(from[0])} for ${span(atMs - fromMs)}`;
    return [paint(look, 'red', head), `  ${message}`];
  });
  const goesOn = rejected.length === 0 ? [] : ['  it goes on with the version before'];
  if (proxy !== 'stuck' && proxy !== 'converging') return [...refusals, ...goesOn];
  const open = waitsFor.map(({ resource, state }) => `${resource} (${state})`);
  const what = proxy === 'stuck' ? 'does not answer' : 'is taking its configuration';
  const head = `${workload.id} ${what} for ${span(atMs - sinceMs)}: ${namesText(open, namesShown)}`;
  const more = proxy === 'stuck' ? [command('proxy', workload.id, dir, look)] : [];
  return [...refusals, ...goesOn, paint(look, hues[proxy], head), ...more];
}

/** Only where there are several. */
function replicaLines({ replicas, atMs }: StatusReply, look: Look): string[] {
  if (replicas.length < 2) return [];
  const rows = replicas.map(({ name, state, startedMs, heardMs, leadsSinceMs, isThis }) => [
    name,
    paint(look, replicaHues[state], state),
    leadsSinceMs === undefined ? '' : `leads for ${span(atMs - leadsSinceMs)}`,
    span(atMs - startedMs),
    isThis ? 'this one' : `${Math.round(heardMs / 1_000)} s ago`,
  ]);
  const header = ['control plane', 'state', 'role', 'up for', 'heard of'];
  return ['', table({ header, rows, width: look.width })];
}

const replicaHues: Readonly<Record<StatusReply['replicas'][number]['state'], Hue>> = {
  serving: 'green',
  draining: 'yellow',
  silent: 'red',
};

/** Only where proxies ask a pool. */
function deskLines({ desks = [], atMs }: StatusReply, look: Look): string[] {
  if (desks.length === 0) return [];
  const rows = desks.map(({ host, state, sinceMs, policy, problem }) => [
    host,
    paint(look, deskHues[state], state),
    span(atMs - sinceMs),
    policy?.slice(0, policyCharacters) ?? '',
    problem ?? '',
  ]);
  const header = ['desk of the pool', 'policy', 'for', 'decides by', 'problem'];
  return ['', table({ header, rows, width: look.width })];
}

/** Enough to tell one from another. */
const policyCharacters = 12;

const deskHues: Readonly<Record<NonNullable<StatusReply['desks']>[number]['state'], Hue>> = {
  taken: 'green',
  behind: 'yellow',
  unknown: 'yellow',
  refused: 'red',
  away: 'red',
};

function placeNote(place: { readonly file: string; readonly line: number } | undefined): string {
  return place === undefined ? '' : ` (${placeText(place)})`;
}

/** A screen of them. */
const fineMax = 40;

function workloadLines(
  workloads: readonly WorkloadStatus[],
  all: boolean,
  { atMs, replicas }: StatusReply,
  look: Look,
): string[] {
  const isShared = replicas.length > 1;
  const fine = workloads.filter(isFine);
  const isCut = !all && fine.length > fineMax;
  const shown = isCut ? workloads.filter((one) => !isFine(one)) : workloads;
  const rows = shown
    .toSorted((a, b) => standings.indexOf(a.proxy) - standings.indexOf(b.proxy))
    .map(({ workload, proxy, sinceMs, servedBy, hangs }) => [
      workload.id,
      workload.host,
      // Nobody knows of one that is reached by a proxy that hangs.
      hangs
        ? 'not known'
        : paint(look, workload.state === 'ready' ? 'green' : 'yellow', workload.state),
      hangs ? paint(look, 'red', 'hangs') : paint(look, hues[proxy], proxy),
      span(atMs - sinceMs),
      ...(isShared ? [servedBy ?? ''] : []),
    ]);
  const served = isShared ? ['control plane'] : [];
  const header = ['workload', 'host', 'application', 'proxy', 'for', ...served];
  return [
    ...(rows.length === 0 ? [] : [table({ header, rows, width: look.width })]),
    ...(isCut ? [`${fine.length} more are fine; --all shows them`] : []),
  ];
}

function countsLines({ counters }: StatusReply, look: Look): string[] {
  if (counters === undefined) return [];
  const { streams, pushes, nacks, stuck, healed, incomplete, slowReaders } = counters;
  const odd: readonly (readonly [number, string])[] = [
    [nacks, 'refused'],
    [stuck, 'not acknowledged in time'],
    [healed, 'sent again'],
    [incomplete, 'streams ended for asking too little'],
    [slowReaders, 'streams ended for not reading'],
  ];
  const told = odd.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const sent = `since this control plane started: ${count(streams, 'stream', 'streams')} open, ${count(pushes, 'answer', 'answers')} sent`;
  return ['', paint(look, 'dim', [sent, ...told].join(', '))];
}

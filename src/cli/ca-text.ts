import type { Finding } from '../base/finding.ts';
import { placeText } from '../base/place-text.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { CaGenerationReply, CaReply } from '../client/gen/api.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const waitingShown = 3;

/** Whom the next step waits for, the first few by name. */
export function waitingText({ waitingFor }: CaReply): string {
  const shown = waitingFor.slice(0, waitingShown).map(({ host, what }) => `${host} (${what})`);
  const more = waitingFor.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

export function caText(
  reply: CaReply,
  dir: string,
  nowMs: number,
  look: Pick<Terminal, 'color' | 'width'>,
): string {
  const { rotation, active, sequence, trustDomain, upstream } = reply;
  const others = rotation.other === undefined ? [] : [rotation.other];
  const isWide = look.width >= widthOfAll;
  const rows = [
    row(active, 'signs', nowMs, isWide),
    ...others.map((one) => row(one, roleOf(rotation.kind), nowMs, isWide)),
  ];
  const made = isWide ? ['made'] : [];
  const header = ['CA', 'role', ...made, 'intermediate ends', 'root ends', 'root', 'root key'];
  return fitted(
    [
      `trust domain ${trustDomain}, bundle ${sequence}${upstream === undefined ? '' : `, below ${upstream}`}`,
      '',
      table({ header, rows, width: look.width }),
      '',
      ...next(reply, dir),
      ...requested(reply, dir),
      ...warned(reply.warnings, look),
    ].join('\n'),
    look.width,
  );
}

/** On a narrower terminal the ends must not be cut for the names. */
const widthOfAll = 110;

function row(
  generation: CaGenerationReply,
  role: string,
  nowMs: number,
  isWide: boolean,
): string[] {
  const { id, createdMs, intermediateNotAfterMs, rootNotAfterMs, rootSha256, rootKey } = generation;
  return [
    id.slice(0, isWide ? 16 : 8),
    role,
    ...(isWide ? [day(createdMs)] : []),
    `${day(intermediateNotAfterMs)} (${inDays(intermediateNotAfterMs - nowMs)})`,
    `${day(rootNotAfterMs)} (${inDays(rootNotAfterMs - nowMs)})`,
    rootSha256.slice(0, isWide ? 16 : 8),
    rootKey,
  ];
}

function roleOf(kind: CaReply['rotation']['kind']): string {
  switch (kind) {
    case 'none':
      return '';
    case 'prepared':
      return 'trusted, signs next';
    case 'activated':
      return 'trusted, signed before';
    case 'tainted':
      return 'tainted, being replaced';
  }
}

function requested({ request }: CaReply, dir: string): string[] {
  if (request === undefined) return [];
  const { by, createdMs } = request;
  return [
    `a request of ${timeText(createdMs)} by ${by} waits for its certificate: chancery ca import ${dir} --chain FILE`,
  ];
}

/** What a person must do something about, each with its way on. */
export function warned(warnings: readonly Finding[], look: Pick<Terminal, 'color'>): string[] {
  return warnings.flatMap(({ code, severity, message, at, found, help, notes = [] }) => {
    const hue = severity === 'error' ? 'red' : 'yellow';
    const where = at === undefined ? '' : ` at ${placeText(at)}`;
    const why = found === undefined ? '' : ` (${found})`;
    const line = `${code} ${message}${where}${why}${help === undefined ? '' : `: ${help}`}`;
    return [paint(look, hue, line), ...notes.map((note) => `  ${note}`)];
  });
}

function next(reply: CaReply, dir: string): string[] {
  const { rotation } = reply;
  if (rotation.kind === 'none') return ['no rotation is under way'];
  const waiting = reply.waitingFor.map(({ host, what }) => `  ${host}: ${what}`);
  const step = { prepared: 'activate', activated: 'taint', tainted: 'revoke' }[rotation.kind];
  const by =
    rotation.driven === 'auto'
      ? `${step} comes by itself`
      : `next: chancery ca rotate ${dir} --step ${step}`;
  if (waiting.length === 0) return [`${rotation.kind}; the gate is open; ${by}`];
  return [`${rotation.kind}; ${step} waits for`, ...waiting, by];
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

const dayMs = 24 * 3_600 * 1_000;

function inDays(leftMs: number): string {
  return leftMs <= 0 ? 'ended' : `${Math.floor(leftMs / dayMs)} d`;
}

import { placeText } from '../base/place-text.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { BreakglassReply, BreakglassStepReply, Grant, GrantReach } from '../client/gen/api.ts';
import { factLines } from './facts-text.ts';
import { prose, table } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a step came to, and where. */
export function stepText(
  { grant, reach, denials }: BreakglassStepReply,
  { width }: Pick<Terminal, 'width'>,
): string {
  const denied = denials.map(
    ({ rule, at }) => `  but deny rule "${rule}" (${placeText(at)}) stays above it`,
  );
  const lines = [
    `${grant.id}: ${scopeText(grant)}: ${standing(grant)}`,
    ...(reach === undefined ? [] : reachLines(reach)),
    ...(grant.state.kind === 'active' || grant.state.kind === 'waiting' ? denied : []),
    ...next(grant),
  ];
  return fitted(lines.join('\n'), width);
}

function next({ id, state }: Grant): readonly string[] {
  switch (state.kind) {
    case 'waiting':
      return [`another operator lets it take effect: chancery breakglass approve ${id}`];
    case 'active':
      return [`chancery breakglass revoke ${id} ends it before that`];
    case 'revoked':
    case 'ended':
      return [];
  }
}

function reachLines({ live, hosts, tookMs, behind, away }: GrantReach): readonly string[] {
  return [
    `live on ${live} of ${hosts} hosts in ${(tookMs / 1_000).toFixed(2)} s`,
    ...behind.map(({ host, why }) => `  ${host} is behind: ${why}`),
    ...(away.length === 0 ? [] : [`  away, with what they had when they left: ${away.join(', ')}`]),
  ];
}

function scopeText({ who, callee, operations }: Grant): string {
  return `${who} to ${callee}${operations.length === 0 ? '' : ` (${operations.join(', ')})`}`;
}

function standing({ state, by }: Grant): string {
  switch (state.kind) {
    case 'waiting':
      return `waits for a second operator; ${by} asked for it`;
    case 'active':
      return `in effect until ${timeText(state.untilMs)}`;
    case 'revoked':
      return `revoked by ${state.by} at ${timeText(state.atMs)}`;
    case 'ended':
      return `over since ${timeText(state.atMs)}`;
  }
}

export function listText({ grants }: BreakglassReply, { width }: Pick<Terminal, 'width'>): string {
  if (grants.length === 0) return 'nothing is granted beside Git, and nothing was';
  const rows = grants.map(({ grant, uses }) => [
    ...[grant.id, scopeText(grant), standing(grant), grant.by, String(uses), grant.reason],
  ]);
  return table({
    header: ['id', prose('who to what'), prose('standing'), 'by', 'uses', prose('reason')],
    rows,
    width,
  });
}

export function showText(reply: BreakglassReply, { width }: Pick<Terminal, 'width'>): string {
  return reply.grants.flatMap((one) => grantLines(one, width)).join('\n');
}

function grantLines(
  { grant, uses, lastUseMs }: BreakglassReply['grants'][number],
  width: number,
): readonly string[] {
  const { id, by, askedMs, reason, ticket, state } = grant;
  const effect = state.kind === 'active' ? state : state.kind === 'waiting' ? undefined : state.was;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['grant', id],
    ['lets', scopeText(grant)],
    ['standing', standing(grant)],
    ['asked', `by ${by} at ${timeText(askedMs)}`],
    ['approved', effect?.approvedBy === undefined ? undefined : `by ${effect.approvedBy}`],
    ['in effect', effect && `${timeText(effect.sinceMs)} to ${timeText(effect.untilMs)}`],
    ['reason', reason],
    ['ticket', ticket],
    ['uses', lastUseMs === undefined ? '0' : `${uses}, the last at ${timeText(lastUseMs)}`],
  ];
  const facts = lines.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return factLines(facts, { indent: '', width });
}

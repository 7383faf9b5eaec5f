import type { Refusal } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { timeText } from '../base/time-text.ts';
import type { BreakglassRules } from '../model/types.ts';

/** Whom a grant lets to what, as it was typed; each intent says anew what that is. */
export interface GrantScope {
  /** A service, role:NAME, person:NAME or spiffe://PEER/NAME. */
  readonly who: string;
  readonly callee: string;
  /** As `to` of a rule; none: everything. */
  readonly operations: readonly string[];
}

/** Access that somebody gave beside Git, for a time. */
export interface Grant extends GrantScope {
  readonly id: string;
  readonly forMs: number;
  readonly reason: string;
  readonly ticket?: string;
  /** The operator, as authenticated. */
  readonly by: string;
  readonly askedMs: number;
  readonly state: GrantState;
}

/**
 * `waiting`: for a second operator. `active`: in effect until `untilMs`. `revoked`: somebody ended it. `ended`: its time
 * is over, or nobody approved it in time. What is over never comes back.
 */
export type GrantState =
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'active';
      readonly sinceMs: number;
      readonly untilMs: number;
      readonly approvedBy?: string;
    }
  | {
      readonly kind: 'revoked';
      readonly atMs: number;
      readonly by: string;
      readonly was?: Effect;
    }
  | { readonly kind: 'ended'; readonly atMs: number; readonly was?: Effect };

/** When it was in effect, and who let it be. */
export interface Effect {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The second operator, where there had to be one. */
  readonly approvedBy?: string;
}

export type GrantStep =
  | { readonly kind: 'approve'; readonly by: string; readonly atMs: number }
  | { readonly kind: 'revoke'; readonly by: string; readonly atMs: number }
  | { readonly kind: 'time'; readonly atMs: number };

/** What nobody approves in this time was not needed, or is to be asked for anew. */
export const waitingMsMax = 3_600_000;

/** A grant as it begins: in effect at once where one operator is enough. */
export function newGrant(
  asked: Omit<Grant, 'state'>,
  { approvals }: Pick<BreakglassRules, 'approvals'>,
): Grant {
  return {
    ...asked,
    state: approvals === 1 ? effectOf(asked, asked.askedMs) : { kind: 'waiting' },
  };
}

/** The only way from one state to the next. The same object where a step changes nothing. */
export function grantAfter(grant: Grant, step: GrantStep): Result<Grant, Refusal> {
  switch (step.kind) {
    case 'approve':
      return approved(grant, step);
    case 'revoke':
      return revoked(grant, step);
    case 'time':
      return ok(inTime(grant, step.atMs));
  }
}

/** When time alone changes it; undefined: never. */
export function changesMs({ state, askedMs }: Grant): number | undefined {
  switch (state.kind) {
    case 'waiting':
      return askedMs + waitingMsMax;
    case 'active':
      return state.untilMs;
    case 'revoked':
    case 'ended':
      return undefined;
  }
}

/** When it was, is, or would have been in effect. */
export function effectIn(state: GrantState): Effect | undefined {
  switch (state.kind) {
    case 'waiting':
      return undefined;
    case 'active':
      return state;
    case 'revoked':
    case 'ended':
      return state.was;
  }
}

/** What it was at a time; undefined: nobody had asked for it yet. */
export function grantAt(grant: Grant, atMs: number): Grant | undefined {
  if (grant.askedMs > atMs) return undefined;
  const { state } = inTime(grant, atMs);
  if ('atMs' in state && state.atMs <= atMs) return { ...grant, state };
  const effect = effectIn(state);
  const isInEffect = effect !== undefined && effect.sinceMs <= atMs;
  return { ...grant, state: isInEffect ? { kind: 'active', ...effect } : { kind: 'waiting' } };
}

function effectOf({ forMs }: Pick<Grant, 'forMs'>, sinceMs: number): GrantState {
  return { kind: 'active', sinceMs, untilMs: sinceMs + forMs };
}

function approved(
  grant: Grant,
  { by, atMs }: GrantStep & { readonly kind: 'approve' },
): Result<Grant, Refusal> {
  if (inTime(grant, atMs).state.kind !== 'waiting') return err(noLonger(grant, 'wait'));
  if (by === grant.by) {
    return err({
      code: 'CH4233',
      message: `${by} asked for break-glass grant ${grant.id}, and somebody else has to approve it`,
      expected: 'another operator',
      found: by,
    });
  }
  return ok({ ...grant, state: { ...effectOf(grant, atMs), approvedBy: by } });
}

function revoked(
  grant: Grant,
  { by, atMs }: GrantStep & { readonly kind: 'revoke' },
): Result<Grant, Refusal> {
  const { state } = inTime(grant, atMs);
  if (state.kind === 'revoked' || state.kind === 'ended') return err(noLonger(grant, 'hold'));
  return ok({ ...grant, state: { kind: 'revoked', atMs, by, ...wasOf(state) } });
}

function inTime(grant: Grant, atMs: number): Grant {
  const endMs = changesMs(grant);
  if (endMs === undefined || atMs < endMs) return grant;
  return { ...grant, state: { kind: 'ended', atMs: endMs, ...wasOf(grant.state) } };
}

function wasOf(state: GrantState): { readonly was?: Effect } {
  if (state.kind !== 'active') return {};
  const { kind: _, ...was } = state;
  return { was };
}

function noLonger(grant: Grant, verb: 'wait' | 'hold'): Refusal {
  return {
    code: 'CH4234',
    message: `break-glass grant ${grant.id} does not ${verb} any more: ${stateText(grant.state)}`,
    help: 'chancery breakglass list shows those that do',
  };
}

export function stateText(state: GrantState): string {
  switch (state.kind) {
    case 'waiting':
      return 'it waits for a second operator';
    case 'active':
      return `it is in effect until ${timeText(state.untilMs)}`;
    case 'revoked':
      return `${state.by} revoked it at ${timeText(state.atMs)}`;
    case 'ended':
      return state.was === undefined
        ? `nobody approved it by ${timeText(state.atMs)}`
        : `its time was over at ${timeText(state.atMs)}`;
  }
}

import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from '../model/types.ts';
import type { CaGeneration } from './ca-generation.ts';
import type { TrustBundle } from './trust.ts';

/**
 * Where a change of the CA stands. `none`: one generation signs and is trusted. `prepared`: the next one is trusted
 * too, and signs nothing yet. `activated`: the next one signs; what the old one signed is still good. `tainted`: whoever
 * holds something that the old one signed is asked to renew it. After `revoke` it is `none` again, without the old one.
 */
export type Rotation =
  | { readonly kind: 'none' }
  | { readonly kind: 'prepared'; readonly next: CaGeneration; readonly sinceMs: number }
  | { readonly kind: 'activated'; readonly old: CaGeneration; readonly sinceMs: number }
  | { readonly kind: 'tainted'; readonly old: CaGeneration; readonly sinceMs: number };

export interface CaState {
  readonly trustDomain: TrustDomain;
  /** Grows with each change of what is trusted or tainted; hosts confirm it. */
  readonly sequence: number;
  readonly active: CaGeneration;
  readonly rotation: Rotation;
  /** Who takes the steps after prepare: the control plane as soon as each gate is open, or a person. */
  readonly driven: 'auto' | 'hand';
}

export type RotationStep =
  | { readonly kind: 'prepare'; readonly next: CaGeneration; readonly driven: 'auto' | 'hand' }
  | { readonly kind: 'activate' }
  | { readonly kind: 'taint' }
  | { readonly kind: 'revoke' }
  /** Takes a prepared generation back: nobody has anything that it signed. */
  | { readonly kind: 'abandon' };

export type StepName = RotationStep['kind'];

/** The one place where a rotation moves. Errors: why this step cannot come now. */
export function transition(
  state: CaState,
  step: RotationStep,
  nowMs: number,
): Result<CaState, string> {
  const { rotation, active } = state;
  const sequence = state.sequence + 1;
  const moved = (rotation: Rotation, signing = active): Result<CaState, string> =>
    ok({ ...state, sequence, active: signing, rotation });
  switch (step.kind) {
    case 'prepare':
      return rotation.kind === 'none'
        ? ok({
            ...state,
            sequence,
            driven: step.driven,
            rotation: { kind: 'prepared', next: step.next, sinceMs: nowMs },
          })
        : err(`a rotation is under way: it is ${rotation.kind}`);
    case 'activate':
      return rotation.kind === 'prepared'
        ? moved({ kind: 'activated', old: active, sinceMs: nowMs }, rotation.next)
        : err(`only what is prepared can be activated; the rotation is ${rotation.kind}`);
    case 'taint':
      return rotation.kind === 'activated'
        ? moved({ kind: 'tainted', old: rotation.old, sinceMs: nowMs })
        : err(`only after activate can the old CA be tainted; the rotation is ${rotation.kind}`);
    case 'revoke':
      return rotation.kind === 'tainted'
        ? moved({ kind: 'none' })
        : err(`only what is tainted can be revoked; the rotation is ${rotation.kind}`);
    case 'abandon':
      return rotation.kind === 'prepared'
        ? moved({ kind: 'none' })
        : err(`only what is prepared can be abandoned; the rotation is ${rotation.kind}`);
  }
}

/** The step that comes next; undefined when none is under way. */
export function nextStep(rotation: Rotation): 'activate' | 'taint' | 'revoke' | undefined {
  switch (rotation.kind) {
    case 'none':
      return undefined;
    case 'prepared':
      return 'activate';
    case 'activated':
      return 'taint';
    case 'tainted':
      return 'revoke';
  }
}

/** What a host last said of itself. */
export interface HostConfirmation {
  readonly host: string;
  readonly seenMs: number;
  readonly trustSequence: number;
  /** Who signed what its workloads present now: key ids, hex, by holder. */
  readonly presented: readonly { readonly holder: string; readonly issuerKeyId: string }[];
}

export interface Waiting {
  readonly host: string;
  readonly what: string;
}

/**
 * Whom the next step would cut off if it came now; empty: the gate is open. `oldTokensEndMs`: when the last token that
 * the old key signed ends.
 */
export function waitingFor(
  state: CaState,
  hosts: readonly HostConfirmation[],
  tokens: { readonly nowMs: number; readonly oldTokensEndMs: number } = noTokens,
): readonly Waiting[] {
  const { rotation, sequence } = state;
  const behind = hosts
    .filter((host) => host.trustSequence < sequence)
    .map(({ host, trustSequence }) => ({
      host,
      what: `has bundle ${trustSequence}, not ${sequence} yet`,
    }));
  if (rotation.kind !== 'tainted') return rotation.kind === 'none' ? [] : behind;
  const old = hosts.flatMap(({ host, presented }) =>
    presented
      .filter(({ issuerKeyId }) => issuerKeyId === rotation.old.id)
      .map(({ holder }) => ({ host, what: `${holder} presents a certificate of the old CA` })),
  );
  return [...behind, ...old, ...tokensOut(tokens)];
}

const noTokens = { nowMs: 0, oldTokensEndMs: 0 };

function tokensOut({ nowMs, oldTokensEndMs }: typeof noTokens): readonly Waiting[] {
  if (oldTokensEndMs <= nowMs) return [];
  const end = new Date(oldTokensEndMs).toISOString();
  return [{ host: '*', what: `tokens that the old key signed are good until ${end}` }];
}

/**
 * Other trust domains poll the bundle and confirm nothing: what is prepared signs only after it was published for long
 * enough that each has read it (SPIFFE Federation section 4.1).
 */
export function partnersOut(
  { rotation }: CaState,
  given: { readonly nowMs: number; readonly noticeMs: number },
): readonly Waiting[] {
  if (rotation.kind !== 'prepared') return [];
  const endMs = rotation.sinceMs + given.noticeMs;
  if (endMs <= given.nowMs) return [];
  const until = new Date(endMs).toISOString();
  return [{ host: '*', what: `partners have until ${until} to read the new bundle` }];
}

/** Generations that verify something now, oldest first. */
export function trusted(state: CaState): readonly CaGeneration[] {
  const { active, rotation } = state;
  switch (rotation.kind) {
    case 'none':
      return [active];
    case 'prepared':
      return [active, rotation.next];
    case 'activated':
    case 'tainted':
      return [rotation.old, active];
  }
}

export function trustBundle(state: CaState): TrustBundle {
  const generations = trusted(state);
  const roots = generations.map(({ rootDer }) => Buffer.from(rootDer).toString('base64'));
  return {
    trustDomain: state.trustDomain,
    sequence: state.sequence,
    // Two generations below one root name it once.
    x509Roots: [...new Set(roots)],
    jwtKeys: generations.map(({ jwt }) => ({
      kid: jwt.kid,
      publicKeySpki: Buffer.from(jwt.spki).toString('base64'),
    })),
  };
}

/** Key ids whose certificates are to be renewed at once. */
export function taintedIssuers({ rotation }: CaState): readonly string[] {
  return rotation.kind === 'tainted' ? [rotation.old.id] : [];
}

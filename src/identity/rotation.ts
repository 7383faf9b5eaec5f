import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from '../model/types.ts';
import { type CaGeneration, isUsable } from './ca-generation.ts';
import type { CaRequest } from './ca-request.ts';
import { type RootLink, rootLinksMax, signRootLink } from './root-link.ts';
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
  /** A key that waits for the company to sign it; what it becomes is prepared like any other generation. */
  readonly request: CaRequest | undefined;
  /** What roots of ours that signed before say of those that came after them, oldest first. */
  readonly rootLinks: readonly RootLink[];
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
  const moved = (rotation: Rotation): Result<CaState, string> =>
    ok({ ...state, sequence, rotation });
  switch (step.kind) {
    case 'prepare':
      return rotation.kind === 'none'
        ? ok({
            ...state,
            sequence,
            driven: step.driven,
            request: isAnswered(state.request, step.next) ? undefined : state.request,
            rotation: { kind: 'prepared', next: step.next, sinceMs: nowMs },
          })
        : err(`a rotation is under way: it is ${rotation.kind}`);
    case 'activate':
      return rotation.kind === 'prepared'
        ? ok({
            ...state,
            sequence,
            active: rotation.next,
            rotation: { kind: 'activated', old: active, sinceMs: nowMs },
            rootLinks: linksAfter(state, rotation.next, nowMs),
          })
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

/** Whether this generation signs with the key that was asked for. */
function isAnswered(request: CaRequest | undefined, { intermediate }: CaGeneration): boolean {
  return request?.privateKey.equals(intermediate.privateKey) === true;
}

/** Only a root whose key is ours can say what comes after it. */
function linksAfter(state: CaState, next: CaGeneration, nowMs: number): readonly RootLink[] {
  const { rootLinks, trustDomain, active } = state;
  const { rootDer: fromDer, rootKey: fromKey } = active;
  const isNewRoot = !Buffer.from(next.rootDer).equals(fromDer);
  if (!isNewRoot || fromKey === undefined) return rootLinks;
  const link = signRootLink({ trustDomain, fromDer, fromKey, toDer: next.rootDer, nowMs });
  return [...rootLinks, link].slice(-rootLinksMax);
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
 * the old key signed ends. Where nothing that the leaving generation signed is good any more, nobody can be cut off.
 */
export function waitingFor(
  state: CaState,
  hosts: readonly HostConfirmation[],
  tokens: TokenTimes,
): readonly Waiting[] {
  const { rotation, sequence } = state;
  if (rotation.kind === 'none') return [];
  if (!isUsable(leaving(state, rotation), tokens.nowMs)) {
    return rotation.kind === 'tainted' ? tokensOut(tokens) : [];
  }
  const behind = hosts
    .filter((host) => host.trustSequence < sequence)
    .map(({ host, trustSequence }) => ({
      host,
      what: `has bundle ${trustSequence}, not ${sequence} yet`,
    }));
  if (rotation.kind !== 'tainted') return behind;
  const old = hosts.flatMap(({ host, presented }) =>
    presented
      .filter(({ issuerKeyId }) => issuerKeyId === rotation.old.id)
      .map(({ holder }) => ({ host, what: `${holder} presents a certificate of the old CA` })),
  );
  return [...behind, ...old, ...tokensOut(tokens)];
}

interface TokenTimes {
  readonly nowMs: number;
  readonly oldTokensEndMs: number;
}

/** What the rotation replaces. */
export function leaving(
  { active }: Pick<CaState, 'active'>,
  rotation: Exclude<Rotation, { kind: 'none' }>,
): CaGeneration {
  return rotation.kind === 'prepared' ? active : rotation.old;
}

function tokensOut({ nowMs, oldTokensEndMs }: TokenTimes): readonly Waiting[] {
  if (oldTokensEndMs <= nowMs) return [];
  const end = new Date(oldTokensEndMs).toISOString();
  return [{ host: '*', what: `tokens that the old key signed are good until ${end}` }];
}

/**
 * Other trust domains poll the bundle and confirm nothing: what is prepared signs only after it was published for long
 * enough that each has read it (SPIFFE Federation section 4.1).
 */
export function partnersOut(
  { rotation, active }: CaState,
  given: { readonly nowMs: number; readonly noticeMs: number },
): readonly Waiting[] {
  // Where nothing that signs now is good, they believe nobody anyway.
  if (rotation.kind !== 'prepared' || !isUsable(active, given.nowMs)) return [];
  const endMs = rotation.sinceMs + given.noticeMs;
  if (endMs <= given.nowMs) return [];
  const until = new Date(endMs).toISOString();
  return [{ host: '*', what: `partners have until ${until} to read the new bundle` }];
}

/** Generations that verify something now, oldest first. */
export function trusted({
  active,
  rotation,
}: Pick<CaState, 'active' | 'rotation'>): readonly CaGeneration[] {
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

export function trustBundle(
  state: Pick<CaState, 'trustDomain' | 'sequence' | 'active' | 'rotation'>,
): TrustBundle {
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

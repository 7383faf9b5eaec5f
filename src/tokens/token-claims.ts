import type { Json } from '../base/json.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { PolicyIssuer } from '../policy/document.ts';
import type { TokenFacts } from '../policy/facts.ts';
import type { TokenRefusal } from './refusal.ts';

/** Clocks of two hosts differ. Only for what begins later; a token that has ended has ended. */
const leewayMs = 30_000;
/** Conditions walk through claims; nobody nests them deeper. */
const depthMax = 16;
/** The last second that a timestamp of CEL can say: the end of the year 9999. */
const secondsMax = 253_402_300_799;

/** What a token says whose signature was verified, and from when on. */
export interface VerifiedToken {
  readonly facts: TokenFacts;
  readonly startsMs: number;
}

type Claims = Readonly<Record<string, unknown>>;

/** `ruleAudiences`: what rules name beside the audiences of the issuer. Times are for `timeRefusal`. */
export function readTokenClaims(
  claims: Claims,
  issuer: PolicyIssuer,
  ruleAudiences: ReadonlySet<string>,
): Result<VerifiedToken, TokenRefusal> {
  if (claims.cnf !== undefined) return err('bound');
  const { sub, exp } = claims;
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : texts(claims.aud);
  const scopes = scopesOf(claims);
  const startsMs = startOf(claims);
  const isWhole = typeof sub === 'string' && sub !== '' && isSeconds(exp) && isShallow(claims, 0);
  if (!isWhole || audiences === undefined || scopes === undefined || startsMs === undefined) {
    return err('malformed');
  }
  const isForMesh = audiences.some((one) => issuer.audiences.includes(one));
  if (!isForMesh && !audiences.some((one) => ruleAudiences.has(one))) return err('audience');
  const facts: TokenFacts = {
    issuerName: issuer.name,
    issuer: issuer.issuer,
    subject: sub,
    person:
      isForMesh && issuer.personClaim !== undefined
        ? nonEmpty(claims[issuer.personClaim])
        : undefined,
    audiences,
    scopes,
    claims: claims as Readonly<Record<string, Json>>,
    expiresMs: exp * 1_000,
    ...(isForMesh ? {} : { onlyForRules: true }),
  };
  return ok({ facts, startsMs });
}

export function timeRefusal(
  { facts, startsMs }: VerifiedToken,
  nowMs: number,
): TokenRefusal | undefined {
  if (facts.expiresMs <= nowMs) return 'expired';
  return startsMs > nowMs + leewayMs ? 'not-yet' : undefined;
}

/** The later of `nbf` and `iat`: nothing is valid before it was made. Undefined: one is no time. */
function startOf({ nbf = 0, iat = 0 }: Claims): number | undefined {
  return isSeconds(nbf) && isSeconds(iat) ? Math.max(nbf, iat) * 1_000 : undefined;
}

/** A NumericDate (RFC 7519 section 2), which may have a fraction. */
function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= secondsMax;
}

/** `scope` is a list with spaces (RFC 8693 section 4.2); `scp` is what others call it, as a list or so. */
function scopesOf({ scope, scp }: Claims): readonly string[] | undefined {
  const first = scope === undefined ? [] : words(scope);
  const second = scp === undefined ? [] : typeof scp === 'string' ? words(scp) : texts(scp);
  if (first === undefined || second === undefined) return undefined;
  return [...new Set([...first, ...second])];
}

function words(value: unknown): readonly string[] | undefined {
  return typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : undefined;
}

function texts(value: unknown): readonly string[] | undefined {
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return isTexts ? value : undefined;
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth < depthMax && Object.values(value).every((inner) => isShallow(inner, depth + 1));
}

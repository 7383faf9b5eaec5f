import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { type CompactJws, readCompactJws } from '../identity/compact-jws.ts';
import type { CompiledPolicy } from '../policy/compiled-policy.ts';
import type { PolicyIssuer } from '../policy/document.ts';
import { type HeaderLines, noToken, type TokenStanding } from '../policy/facts.ts';
import { bearerToken } from './bearer.ts';
import { type IssuerKey, issuerKeys } from './issuer-keys.ts';
import { refused, type TokenRefusal } from './refusal.ts';
import { readTokenClaims, timeRefusal, type VerifiedToken } from './token-claims.ts';
import { checkSignature, headerRefusal } from './token-signature.ts';

/** What the `authorization` of a request is worth at a time. Fetches nothing. */
export type VerifyToken = (headers: HeaderLines, nowMs: number) => TokenStanding;

/** People and programs that use one host within the life of a token; at most 8 KiB of claims each. */
export const tokensKeptMax = 2_000;

interface KnownIssuer {
  readonly issuer: PolicyIssuer;
  readonly keys: readonly IssuerKey[];
}

/** For the tokens that a policy believes. Another policy needs another verifier, so that nothing of the old one is kept. */
export function policyTokens(policy: CompiledPolicy): VerifyToken {
  const audiences = [...policy.services.values()].flatMap(({ policy: { rules } }) =>
    rules.flatMap(({ conditions }) => conditions?.token?.audiences ?? []),
  );
  return tokenVerifier(policy.issuers, new Set(audiences));
}

/**
 * Checks bearer tokens (RFC 6750) that are JWTs (RFC 7519), as RFC 8725 says. A token is kept by its hash until it ends,
 * for a signature costs more than all the rest of a decision; its times are looked at each time.
 */
export function tokenVerifier(
  issuers: readonly PolicyIssuer[],
  ruleAudiences: ReadonlySet<string> = new Set(),
): VerifyToken {
  const known = new Map(
    issuers.map((issuer) => [issuer.issuer, { issuer, keys: issuerKeys(issuer.jwks) }]),
  );
  const kept = new Map<string, VerifiedToken>();
  return (headers, nowMs) => {
    const found = bearerToken(headers);
    if (!found.ok) return refused(found.error);
    if (found.value === undefined) return noToken;
    const name = createHash('sha256').update(found.value).digest('base64');
    const before = kept.get(name);
    const verified =
      before === undefined ? verifiedToken(found.value, known, ruleAudiences) : ok(before);
    if (!verified.ok) return refused(verified.error);
    kept.delete(name);
    const refusal = timeRefusal(verified.value, nowMs);
    if (refusal !== undefined) return refused(refusal);
    keep(kept, name, verified.value);
    return { kind: 'valid', token: verified.value.facts };
  };
}

/** The one that was not used for the longest goes. */
function keep(kept: Map<string, VerifiedToken>, name: string, token: VerifiedToken): void {
  kept.set(name, token);
  const [oldest] = kept.keys();
  if (kept.size > tokensKeptMax && oldest !== undefined) kept.delete(oldest);
}

/** At any time; nothing that it says counts before its signature does. */
function verifiedToken(
  token: string,
  issuers: ReadonlyMap<string, KnownIssuer>,
  ruleAudiences: ReadonlySet<string>,
): Result<VerifiedToken, TokenRefusal> {
  const jws = readCompactJws(token);
  if (!jws.ok) return err('malformed');
  const refusal = headerRefusal(jws.value);
  if (refusal !== undefined) return err(refusal);
  const known = issuerOf(jws.value, issuers);
  if (known === undefined) return err('issuer');
  const signed = checkSignature(jws.value, known.keys);
  if (!signed.ok) return signed;
  return readTokenClaims(jws.value.claims, known.issuer, ruleAudiences);
}

/** By its exact name: no slash or letter may differ (RFC 8725 section 3.8). */
function issuerOf(
  { claims: { iss } }: CompactJws,
  issuers: ReadonlyMap<string, KnownIssuer>,
): KnownIssuer | undefined {
  return typeof iss === 'string' ? issuers.get(iss) : undefined;
}

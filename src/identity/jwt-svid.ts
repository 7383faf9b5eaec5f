import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from '../model/types.ts';
import { type CompactJws, readCompactJws } from './compact-jws.ts';
import { isJwtSignedBy, type JwtAlgorithm, jwtAlgorithm } from './jwt-algorithms.ts';
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from './spiffe-id.ts';
import type { JwtVerificationKey, TrustBundle } from './trust.ts';

/** A token is a few hundred bytes; a header line has 8 KB in most servers. */
export const jwtBytesMax = 16 * 1024;
/** Clocks of two hosts differ. Only for what begins later; a token that has ended has ended. */
const leewaySeconds = 10;

export interface JwtSvidClaims {
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  readonly expiresAtSeconds: number;
  /** All claims as they are in the token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Checks a JWT-SVID as its specification says (sections 3 to 5): the key comes from the bundle of the subject's own
 * trust domain and from nowhere else. This mesh issues ES256; other trust domains may sign with any algorithm of rule
 * 31 that fits their key. Errors: one sentence on what was expected.
 */
export function verifyJwtSvid(given: {
  readonly token: string;
  readonly audience: string;
  readonly nowMs: number;
  readonly bundles: readonly TrustBundle[];
}): Result<JwtSvidClaims, string> {
  const parsed = parseJwt(given.token);
  if (!parsed.ok) return parsed;
  const { kid, claims } = parsed.value;
  const checked = checkClaims(claims, given.audience, given.nowMs);
  if (!checked.ok) return checked;
  const keys = keysOf(given.bundles, trustDomainOf(checked.value.spiffeId), kid);
  if (!keys.ok) return keys;
  const { algorithm, signed, signature } = parsed.value;
  const bytes = Buffer.from(signed);
  const isGood = keys.value.some((key) => isJwtSignedBy(key, algorithm, bytes, signature));
  return isGood ? checked : err('the signature does not fit the key of the trust domain');
}

/** Keys of one trust domain that are tried for a token without kid; a rotation has two or three. */
const keysTriedMax = 8;

/** The one key that the token names; all when it names none, which the specification allows (rule 34). */
function keysOf(
  bundles: readonly TrustBundle[],
  trustDomain: TrustDomain,
  kid: string | undefined,
): Result<readonly JwtVerificationKey[], string> {
  const bundle = bundles.find((one) => one.trustDomain === trustDomain);
  if (bundle === undefined) return err(`there is no bundle of the trust domain "${trustDomain}"`);
  if (kid === undefined) return ok(bundle.jwtKeys.slice(-keysTriedMax));
  const key = bundle.jwtKeys.find((one) => one.kid === kid);
  return key === undefined
    ? err(`the bundle of "${trustDomain}" has no key "${kid.slice(0, 64)}"`)
    : ok([key]);
}

interface ParsedJwt extends Omit<CompactJws, 'header'> {
  /** Undefined: the token does not say. */
  readonly kid: string | undefined;
  readonly algorithm: JwtAlgorithm;
}

function parseJwt(token: string): Result<ParsedJwt, string> {
  if (token.length > jwtBytesMax) return err(`the token is longer than ${jwtBytesMax} bytes`);
  const jws = readCompactJws(token);
  if (!jws.ok) return jws;
  const { header, ...rest } = jws.value;
  const { alg, kid, typ, ...others } = header;
  const algorithm = jwtAlgorithm(alg);
  if (algorithm === undefined) return err(`the algorithm ${JSON.stringify(alg)} is not taken`);
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') {
    return err('the type of the token is neither JWT nor JOSE');
  }
  const [other] = Object.keys(others);
  if (other !== undefined) return err(`the header of the token has a member "${other}"`);
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) {
    return err('the token gives the name of its key as something else than a text');
  }
  return ok({ kid, algorithm, ...rest });
}

function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  audience: string,
  nowMs: number,
): Result<JwtSvidClaims, string> {
  const { sub, aud, exp, nbf } = claims;
  if (typeof sub !== 'string') return err('the token has no subject');
  const id = parseSpiffeId(sub);
  if (!id.ok) return err(`the subject is no SPIFFE ID: ${id.error}`);
  if (pathOf(id.value) === '') return err('the subject is a trust domain, not a workload');
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(audiences) || !audiences.every((one) => typeof one === 'string')) {
    return err('the token has no audience');
  }
  if (!audiences.includes(audience)) return err(`the token is not for the audience "${audience}"`);
  const nowSeconds = nowMs / 1_000;
  if (typeof exp !== 'number' || !Number.isFinite(exp))
    return err('the token does not say when it ends');
  if (exp <= nowSeconds) return err('the token has ended');
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf > nowSeconds + leewaySeconds)) {
    return err('the token is not valid yet');
  }
  return ok({ spiffeId: id.value, audience: audiences, expiresAtSeconds: exp, claims });
}

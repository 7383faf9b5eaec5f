import type { TokenStanding } from '../policy/facts.ts';

/** Why a token counts as none. A closed set: alarms and tests are written against it. */
export type TokenRefusal =
  /** No JWT: not three parts in strict base64url, not JSON, a member twice, a claim of the wrong type or missing. */
  | 'malformed'
  | 'too-long'
  /** More than one `authorization` header: the application may take another one. */
  | 'several'
  /** It brings its own key or wants something understood that is not (`jwk`, `jku`, `x5u`, `x5c`, `crit`, …). */
  | 'header'
  /** A JWT that is for something else, such as an ID for logging out (RFC 8725 section 3.11). */
  | 'type'
  | 'algorithm'
  | 'issuer'
  | 'unknown-key'
  | 'signature'
  | 'expired'
  | 'not-yet'
  | 'audience'
  /** It is only good together with a key (`cnf`, RFC 7800), which a bearer does not show. */
  | 'bound';

type Invalid = Extract<TokenStanding, { kind: 'invalid' }>;

export function refused(refusal: TokenRefusal): Invalid {
  return { kind: 'invalid', code: 'CH2109', reason: `jwt_invalid: ${refusal}` };
}

import type { Code } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { canonicalHost } from './canonical-host.ts';
import { canonicalPath } from './canonical-path.ts';
import { type Caller, canonicalCaller } from './canonical-principal.ts';
import { isMethod, otherReadings, type Reading } from './other-readings.ts';

/** A request as the proxy reports it; nothing in it is trusted but the principal. */
export interface RawRequest {
  /** The URI SAN of the verified peer certificate; empty when there was none. Never XFCC. */
  readonly principal: string;
  readonly method: string;
  /** With the query, as Envoy's `path` attribute has it. */
  readonly path: string;
  readonly host: string;
  /** Either one entry a header line, or a map with repeated headers joined by commas. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

/** The one reading of a request that rules are matched against. */
export interface CanonicalRequest {
  /** Undefined when the peer showed no certificate, as on the side of an own application. */
  readonly caller: Caller | undefined;
  readonly method: string;
  /** Decoded once, without query, dot segments or empty inner segments; a final `/` is kept. */
  readonly path: string;
  /** Lower case, without port and trailing dot. */
  readonly host: string;
  /** Mostly none. The rules must allow the request in each of these as well. */
  readonly others: readonly Reading[];
}

/** Why a request has no single reading. It is denied: two readers could take it for two things. */
export interface Refusal {
  readonly code: Code;
  /** One sentence without a final period. */
  readonly reason: string;
}

/**
 * Envoy reports only the first URI SAN as the principal, but all of them in XFCC. The header is believed for this
 * refusal alone: whoever forges it shuts himself out.
 */
const severalIdentities = /(?:^|[;,])\s*URI=.*[;,]\s*URI=/i;
const secondCredential = /,\s*(?:basic|bearer|digest|negotiate|dpop)\s/i;

/** Envoy's hardened listener normalises first; this does not rely on it, so any listener gets the same decision. */
export function canonicalize(raw: RawRequest): Result<CanonicalRequest, Refusal> {
  const caller = canonicalCaller(raw.principal);
  if (!caller.ok) return caller;
  const path = canonicalPath(raw.path);
  if (!path.ok) return path;
  const host = canonicalHost(raw.host);
  if (!host.ok) return host;
  if (!isMethod(raw.method)) {
    return err({ code: 'CH2126', reason: 'the method is not an upper-case HTTP method' });
  }
  const repeated = repeatedHeader(raw.headers);
  if (repeated !== undefined) return err(repeated);
  const others = otherReadings(raw.method, path.value, raw.headers, raw.path);
  if (!others.ok) return others;
  return ok({
    caller: caller.value,
    method: raw.method,
    path: path.value,
    host: host.value,
    others: others.value,
  });
}

function repeatedHeader(headers: RawRequest['headers']): Refusal | undefined {
  let credentials = 0;
  for (const [name, value] of headers) {
    if (isNamed(name, 'authorization')) {
      credentials += secondCredential.test(value) ? 2 : 1;
    } else if (isNamed(name, 'x-forwarded-client-cert') && severalIdentities.test(value)) {
      return { code: 'CH2120', reason: 'the certificate of the caller carries several identities' };
    }
  }
  return credentials > 1
    ? { code: 'CH2128', reason: 'the request carries more than one Authorization value' }
    : undefined;
}

/** The lengths differ for almost every other header, and then nothing is folded. */
function isNamed(name: string, wanted: string): boolean {
  return name.length === wanted.length && name.toLowerCase() === wanted;
}

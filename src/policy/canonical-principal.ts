import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './canonical.ts';

/** Whose certificate was verified. That `name` is a service of this mesh is for the policy to say. */
export interface Caller {
  readonly trustDomain: string;
  /** The path of the SPIFFE ID without its first slash; a service's own ID has one segment, its name. */
  readonly name: string;
}

/** SPIFFE ID section 2.3: implementations take at least this much and never generate more. */
const spiffeIdLengthMax = 2_048;
/** SPIFFE ID section 2: no user, port, query, fragment, escapes, empty segments or trailing slash. */
const spiffeId = /^spiffe:\/\/([a-z0-9._-]{1,255})\/([A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*)$/;
const dotSegment = /(?:^|\/)\.{1,2}(?:\/|$)/;

/**
 * Envoy joins the URI SANs of a certificate that has several by commas; such a peer has no one identity (X509-SVID
 * section 2) and is refused. An empty principal is no refusal: it is undefined, and no rule lets it in.
 */
export function canonicalCaller(principal: string): Result<Caller | undefined, Refusal> {
  if (principal === '') return ok(undefined);
  const match = principal.length > spiffeIdLengthMax ? null : spiffeId.exec(principal);
  const trustDomain = match?.[1];
  const name = match?.[2];
  if (trustDomain === undefined || name === undefined || dotSegment.test(name)) {
    return err({ code: 'CH2120', reason: 'the caller does not have exactly one valid SPIFFE ID' });
  }
  return ok({ trustDomain, name });
}

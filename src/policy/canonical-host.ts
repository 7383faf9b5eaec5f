import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './canonical.ts';

/** A DNS name has at most 253 characters; the rest is a trailing dot and a port. */
const hostLengthMax = 260;
const hostShape =
  /^(?:([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?)\.?|(\[[0-9a-f:.]+\]))(?::[0-9]{1,5})?$/;

/** `Payments:8080` and `payments.` are both `payments`. Lists, user names and empty hosts are refused. */
export function canonicalHost(authority: string): Result<string, Refusal> {
  const match = authority.length > hostLengthMax ? null : hostShape.exec(authority.toLowerCase());
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || host.includes('..')) {
    return err({
      code: 'CH2127',
      reason:
        authority === '' ? 'the request names no host' : 'the host is not one plain host name',
    });
  }
  return ok(host);
}

import { err, ok, type Result } from '../base/result.ts';
import type { HeaderLines } from '../policy/facts.ts';
import type { TokenRefusal } from './refusal.ts';

/** What servers take as one header line. A token that is longer costs more than it can say. */
const tokenLengthMax = 8 * 1024;

/** RFC 6750 section 2.1 and RFC 9110 section 11.1: the name of a scheme is compared without case. */
const bearer = /^bearer(?: |$)/i;
const b64token = /^[A-Za-z0-9._~+/-]+=*$/;

/**
 * The bearer token of a request; undefined: there is none. What is in the body or the query is not looked at (RFC 9700
 * section 4.3.2).
 */
export function bearerToken(headers: HeaderLines): Result<string | undefined, TokenRefusal> {
  const lines = headers.filter(([name]) => name === 'authorization');
  const [line] = lines;
  if (line === undefined) return ok(undefined);
  const isBearer = lines.some(([, value]) => bearer.test(value.trim()));
  if (!isBearer) return ok(undefined);
  if (lines.length > 1) return err('several');
  const token = line[1].trim().replace(/^bearer */i, '');
  if (token.length > tokenLengthMax) return err('too-long');
  return b64token.test(token) ? ok(token) : err('malformed');
}

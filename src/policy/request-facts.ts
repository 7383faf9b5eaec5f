import type { CanonicalRequest, RawRequest } from './canonical.ts';
import type { HeaderLines, RequestFacts } from './facts.ts';

/** What only some callers know; the rest is read off the request. */
type MoreFacts = Pick<RequestFacts, 'token' | 'timeMs' | 'address' | 'id' | 'scheme'>;

/** What conditions see of a request that was sent. */
export function requestFacts(
  raw: Pick<RawRequest, 'path' | 'headers'>,
  { host }: Pick<CanonicalRequest, 'host'>,
  more: MoreFacts,
): RequestFacts {
  const query = raw.path.indexOf('?');
  return {
    ...more,
    host,
    query: query === -1 ? '' : raw.path.slice(query + 1),
    headers: headerLines(raw.headers),
  };
}

/**
 * Names are compared without case (RFC 9110 section 5.1). Pseudo-headers of HTTP/2 are no headers to a rule. White space
 * around a value is none of it (section 5.5); Envoy leaves it there over HTTP/2, and the application takes it off.
 */
function headerLines(headers: RawRequest['headers']): HeaderLines {
  const lines: (readonly [string, string])[] = [];
  for (const [name, value] of headers) {
    if (!name.startsWith(':')) lines.push([name.toLowerCase(), withoutSpaceAround(value)]);
  }
  return lines;
}

/** No regular expression, which would be slow on many spaces within; no `trim`, which takes more than an application does. */
function withoutSpaceAround(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isSpace(value.charCodeAt(start))) start += 1;
  while (start < end && isSpace(value.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

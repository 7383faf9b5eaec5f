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

/** Names are compared without case (RFC 9110 section 5.1). Pseudo-headers of HTTP/2 are no headers to a rule. */
function headerLines(headers: RawRequest['headers']): HeaderLines {
  const lines: (readonly [string, string])[] = [];
  for (const [name, value] of headers) {
    if (!name.startsWith(':')) lines.push([name.toLowerCase(), value]);
  }
  return lines;
}

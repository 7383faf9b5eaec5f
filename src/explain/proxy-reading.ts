/**
 * What a proxy makes of a request ahead of any rule: the hardening of its listeners (`src/compile/http.ts`) and what
 * Envoy's parsers take. Held against what a real one does by `test/proxy-reading.test.ts` and `why --verify`.
 */
import type { Code } from '../base/finding.ts';
import { requestLimits } from '../compile/http-limits.ts';
import type { Protocol } from '../model/types.ts';
import type { HeaderLines } from '../policy/facts.ts';

interface ProxyRefusal {
  readonly code: Code;
  readonly status: number;
  /** One sentence without a final period. */
  readonly reason: string;
}

interface UnreadRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly host: string;
  /** Those that are known. */
  readonly headers: HeaderLines;
}

/** Undefined: it goes on to the rules. */
export function proxyRefusal(request: UnreadRequest, protocol: Protocol): ProxyRefusal | undefined {
  const { method, target, host, headers } = request;
  return (
    methodRefusal(method, protocol) ??
    targetRefusal(target) ??
    hostRefusal(host) ??
    sizeRefusal(request) ??
    headers.map(lineRefusal).find((found) => found !== undefined) ??
    framingRefusal(headers) ??
    connectionRefusal(headers)
  );
}

function malformed(reason: string, status = 400): ProxyRefusal {
  return { code: 'CH4110', status, reason };
}

/** Of HTTP/1.1; HTTP/2 takes any, and what is no method is refused with the rules. */
const methodToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function methodRefusal(method: string, protocol: Protocol): ProxyRefusal | undefined {
  return protocol !== 'http' || methodToken.test(method)
    ? undefined
    : malformed(`over HTTP/1.1 the proxy takes no method "${method.slice(0, 40)}"`);
}

const notInTarget = /[^\x21-\x7e]/;

function targetRefusal(target: string): ProxyRefusal | undefined {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/')) return malformed('the path does not start with "/"');
  if (notInTarget.test(target)) {
    return malformed('the path holds a character that must be encoded');
  }
  if (target.includes('#')) return malformed('the path holds a fragment');
  return path.includes('%00') ? malformed('the path holds an encoded NUL') : undefined;
}

function hostRefusal(host: string): ProxyRefusal | undefined {
  return /[^\x21-\x7e]|[/\\#?]/.test(host)
    ? malformed('the host holds a character that no host has')
    : undefined;
}

/** What the callee's proxy takes of no one. The caller's own takes a little less, for the first one adds some. */
const { maxHeadersCount, maxRequestHeadersKb } = requestLimits('proxy');

function sizeRefusal({ target, host, headers }: UnreadRequest): ProxyRefusal | undefined {
  const bytes = headers.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value, 'latin1'),
    target.length + host.length,
  );
  if (bytes > maxRequestHeadersKb * 1_024) {
    return malformed(`path and headers are larger than ${maxRequestHeadersKb} KiB`, 431);
  }
  return headers.length >= maxHeadersCount
    ? malformed(`it has more than ${maxHeadersCount} headers`, 431)
    : undefined;
}

const token = /^[!#$%&'*+.^`|~0-9A-Za-z-]+$/;
const notInValue = /[^\t\x20-\x7e\x80-\uffff]/;

function lineRefusal([name, value]: HeaderLines[number]): ProxyRefusal | undefined {
  if (name.includes('_')) {
    return malformed(
      `the header ${name.slice(0, 60)} has an underscore, which applications take for a hyphen`,
    );
  }
  if (!token.test(name)) return malformed(`"${name.slice(0, 60)}" is no name of a header`);
  return notInValue.test(value)
    ? malformed(`the header ${name.slice(0, 60)} holds a control character`)
    : undefined;
}

function valuesOf(headers: HeaderLines, name: string): readonly string[] {
  return headers.flatMap(([other, value]) => (other.toLowerCase() === name ? [value.trim()] : []));
}

/** RFC 9112 section 6.3: where a body ends has one reading. */
function framingRefusal(headers: HeaderLines): ProxyRefusal | undefined {
  const [lengths, codings] = ['content-length', 'transfer-encoding'].map((name) =>
    valuesOf(headers, name),
  ) as [readonly string[], readonly string[]];
  const isLength =
    lengths.length === 0 || (lengths.length === 1 && /^\d{1,18}$/.test(lengths[0] ?? ''));
  if (!isLength) return malformed('its content-length is not one number');
  if (codings.length === 0) return undefined;
  if (lengths.length > 0) return malformed('it has a content-length and a transfer-encoding');
  return codings.length === 1 && codings[0]?.toLowerCase() === 'chunked'
    ? undefined
    : malformed('its transfer-encoding is not just "chunked"', 501);
}

/** What `Connection` may not take away (Envoy's sanitizeConnectionHeader). */
const kept = ['host', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

function connectionRefusal(headers: HeaderLines): ProxyRefusal | undefined {
  const named = valuesOf(headers, 'connection').flatMap((value) =>
    value.split(',').map((one) => one.trim().toLowerCase()),
  );
  const lost = named.find((one) => kept.includes(one) || one.startsWith(':'));
  if (lost !== undefined) return malformed(`its header connection would take ${lost} away`);
  if (!named.includes('upgrade')) return undefined;
  const protocol = valuesOf(headers, 'upgrade').join(',').toLowerCase();
  // An upgrade to h2c is left out, and the request goes on.
  return ['', 'websocket', 'h2c'].includes(protocol)
    ? undefined
    : {
        code: 'CH4112',
        status: 403,
        reason: `the proxies upgrade to websocket only, not to ${protocol.slice(0, 60)}`,
      };
}

/** What rules see of the headers: nobody speaks in the mesh's name (`withoutForgedHeaders`). */
export function headersInside(headers: HeaderLines): HeaderLines {
  return headers.filter(([name]) => {
    const folded = name.toLowerCase();
    if (folded.startsWith('x-chancery-')) return false;
    return !folded.startsWith('x-envoy-') || folded === 'x-envoy-attempt-count';
  });
}

/** As the listener normalises it before rules see it: dots, then slashes; a backslash is one. */
export function pathInside(target: string): string {
  const at = target.indexOf('?');
  const [path, query] = at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at)];
  const segments: string[] = [];
  const parts = path.replaceAll('\\', '/').split('/').slice(1);
  for (const part of parts) {
    const dots = dotsOf(part);
    if (dots === 2) segments.pop();
    else if (dots === 0) segments.push(part);
  }
  const isOpen = dotsOf(parts.at(-1) ?? '') > 0 || parts.at(-1) === '';
  const named = segments.filter((part) => part !== '');
  return `/${named.join('/')}${isOpen && named.length > 0 ? '/' : ''}${query}`;
}

/** Envoy takes `..;a` for `..`, as some applications do. */
function dotsOf(part: string): number {
  const dots = /^((?:\.|%2e){1,2})$|^(\.{1,2});/i.exec(part);
  const found = dots?.[1] ?? dots?.[2];
  return found === undefined ? 0 : found.replaceAll(/%2e/gi, '.').length;
}

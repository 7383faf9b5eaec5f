import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './canonical.ts';

/** The proxies take no longer headers, so that this never decides; it bounds the work. Counts the query too. */
const pathLengthMax = 65_536;

/** Only characters that stand for themselves; such a path without empty or dot segments is canonical as it is. */
const plain = /^\/[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
/** Fragments do not belong in a request target (RFC 9112 section 3.2); a backslash is a slash to some readers. */
const notInTarget = /[^\x21-\x7e]|[\\#]/;
/** In a query a backslash is data. Envoy refuses the rest over HTTP/1, and "#" and control characters over HTTP/2. */
const notInQuery = /[^\x21-\x7e]|#/;
const malformedEscape = /%(?![0-9a-f]{2})/i;
/** A backslash or a control character that hides from whoever splits the path before decoding it. */
const encodedSeparator = /%(?:5c|[01][0-9a-f]|7f)/i;
/** It stays as it is: decoded it would be a boundary of segments. What takes it for one is another reading. */
const encodedSlash = /%2f/i;
const escapeLeft = /%[0-9a-f]{2}/i;
/**
 * Whoever cuts parameters away is left with a step up, or with nothing: and where one of two is encoded, with nothing where
 * another sees a name.
 */
const noNameBefore = /(?:^|\/)\.{0,2};/;
const dots = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** Takes the path with its query; gives the path alone. */
export function canonicalPath(target: string): Result<string, Refusal> {
  if (target.length > pathLengthMax) {
    return err({ code: 'CH2129', reason: `the path is longer than ${pathLengthMax} characters` });
  }
  const query = target.indexOf('?');
  const raw = query === -1 ? target : target.slice(0, query);
  const refused = query === -1 ? undefined : notInQuery.exec(target.slice(query));
  if (refused) {
    const reason =
      refused[0] === '#'
        ? 'the query holds "#", which begins a fragment'
        : 'the query holds a character that must be encoded';
    return err({ code: 'CH2121', reason });
  }
  if (plain.test(raw) && !raw.includes('//') && !raw.includes('/.')) return ok(raw);
  if (!raw.startsWith('/'))
    return err({ code: 'CH2121', reason: 'the path does not start with "/"' });
  if (notInTarget.test(raw)) {
    return err({ code: 'CH2121', reason: 'the path holds a character that must be encoded' });
  }
  const decoded = decodeOnce(raw);
  if (!decoded.ok) return decoded;
  const path = resolveSegments(decoded.value);
  const hidden = hiddenIn(path);
  return hidden === undefined ? ok(path) : err(hidden);
}

function decodeOnce(raw: string): Result<string, Refusal> {
  if (!raw.includes('%')) return ok(raw);
  if (malformedEscape.test(raw)) {
    return err({ code: 'CH2124', reason: 'the path holds "%" without two hexadecimal digits' });
  }
  if (encodedSeparator.test(raw)) {
    return err({
      code: 'CH2122',
      reason: 'the path holds an encoded backslash or control character',
    });
  }
  const decoded: string[] = [];
  try {
    // Strict UTF-8 by ECMA-262: overlong forms and surrogates throw.
    for (const part of raw.split(encodedSlash)) decoded.push(decodeURIComponent(part));
  } catch {
    return err({ code: 'CH2124', reason: 'the path is not valid UTF-8 once decoded' });
  }
  if (decoded.some((part) => escapeLeft.test(part))) {
    return err({ code: 'CH2123', reason: 'the path is encoded twice' });
  }
  return ok(decoded.join('%2F'));
}

/**
 * Why a canonical path is not to be read on: who takes an encoded slash for one, or cuts parameters away, would find in it a
 * way up. One that hides none makes readings, and rules are asked about each.
 */
function hiddenIn(path: string): Refusal | undefined {
  const decoded = path.replaceAll('%2F', '/');
  if (noNameBefore.test(path) || noNameBefore.test(decoded)) {
    return { code: 'CH2125', reason: 'the path holds ";" with no name before it' };
  }
  return dots.test(decoded)
    ? { code: 'CH2122', reason: 'the path holds an encoded slash that hides a "." or ".."' }
    : undefined;
}

/**
 * Removes dot segments as RFC 3986 section 5.2.4 does, and only then merges slashes, as Envoy does: of `/a//../b` the
 * dots take away the empty segment, and not `a`.
 */
export function resolveSegments(path: string): string {
  const parts = path.split('/').slice(1);
  const kept: string[] = [];
  for (const part of parts) {
    if (part === '..') kept.pop();
    else if (part !== '.') kept.push(part);
  }
  const last = parts.at(-1);
  const endsInSlash = last === '' || last === '.' || last === '..';
  const named = kept.filter((part) => part !== '');
  return named.length === 0 ? '/' : `/${named.join('/')}${endsInSlash ? '/' : ''}`;
}

import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './canonical.ts';
import { canonicalPath, resolveSegments } from './canonical-path.ts';
import { methodsInQuery } from './query-method.ts';

/**
 * What an application could take a request for besides what its request line says. Refusing them all would cut off
 * harmless ones, so that the rules must allow these too.
 */
export interface Reading {
  readonly method: string;
  readonly path: string;
  /** The start of a sentence: what makes an application read it so. */
  readonly because: string;
}

/**
 * Headers by which widely used frameworks let a request be another one than its request line: method-override of
 * Express, Rack, Symfony, ASP.NET; rewriting modules of IIS, whose headers Symfony and Laminas believed
 * (CVE-2018-14773). Of a copy in WebDAV, where it goes.
 */
export const overridingHeaders: ReadonlyMap<string, 'method' | 'path'> = new Map([
  ['destination', 'path'],
  ['x-http-method', 'method'],
  ['x-http-method-override', 'method'],
  ['x-method-override', 'method'],
  ['x-original-url', 'path'],
  ['x-rewrite-url', 'path'],
]);
/** What a proxy's log names for such a request, with `ask/` before it. */
export const askedForReadings = 'several-readings';
const nameLengths = [...overridingHeaders.keys()].map((name) => name.length);
const nameLengthMin = Math.min(...nameLengths);
const nameLengthMax = Math.max(...nameLengths);

/** Nobody sends more than one such header; it bounds what a request can make the desk decide. */
const readingsMax = 8;
/** The longest registered method has 17 characters (`UPDATEREDIRECTREF`). */
const methodLengthMax = 32;
/** Upper case only: methods are case-sensitive (RFC 9110 section 9.1), but some applications fold them. */
const methodShape = /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]*$/;
const origin = /^https?:\/\/[^/?]*/i;
const readOtherwise = /[^\0-\x7f]|[?#]| $/;
/** Soft hyphens, joiners, marks of direction and of byte order. */
const notShown = /\p{Default_Ignorable_Code_Point}/gu;
/** Some cut it off each segment, and leave the segment. */
const parameters = /;[^/]*/g;
/** Where whoever reads a URL in it sees the path end; with nothing before it in its segment, it is a name. */
const behindPath = /([^/;?#])[?#].*$/s;
const escapes = /(?:%[0-9a-f]{2})+/gi;
/** Nobody decodes a path more often than that. */
const decodedMax = 3;
/** Windows maps these to a slash or a backslash in its older code pages; NFKC leaves them. */
const slashLike = /[\u2044\u2215\u29f8\u2216\u29f5\u29f9]/g;

export function isMethod(text: string): boolean {
  return text.length <= methodLengthMax && methodShape.test(text);
}

/** `path` is canonical; `target` is as it was sent, with the query. */
export function otherReadings(
  method: string,
  path: string,
  headers: Iterable<readonly [name: string, value: string]>,
  target = '',
): Result<readonly Reading[], Refusal> {
  const methods = [{ method, because: '' }];
  const paths = [{ path, because: '' }];
  for (const [name, value] of headers) {
    const header = nameOf(name);
    if (header === undefined || (header === destination && !hasDestination(method))) continue;
    const because = `the header ${header} asks for another ${overridingHeaders.get(header)}`;
    if (overridingHeaders.get(header) === 'method') {
      const wanted = value.trim().toUpperCase();
      if (!isMethod(wanted)) return refused(`${because}, which is no method`);
      methods.push({ method: wanted, because });
    } else {
      const wanted = canonicalPath(value.trim().replace(origin, ''));
      if (!wanted.ok) return refused(`${because}, and ${wanted.error.reason}`);
      paths.push({ path: wanted.value, because });
    }
  }
  for (const wanted of methodsInQuery(method, target)) {
    methods.push({ method: wanted, because: 'the query asks for another method' });
  }
  for (const { path } of [...paths]) {
    for (const folded of foldedPaths(path)) {
      paths.push({ path: folded, because: 'the path is another to whoever folds its letters' });
    }
  }
  if (methods.length === 1 && paths.length === 1) return ok([]);
  return combined(methods, paths);
}

/** Where a copy is written to is named beside what is copied (RFC 4918 section 10.3). */
const destination = 'destination';

function hasDestination(method: string): boolean {
  return method === 'COPY' || method === 'MOVE';
}

function combined(
  methods: readonly { readonly method: string; readonly because: string }[],
  paths: readonly { readonly path: string; readonly because: string }[],
): Result<readonly Reading[], Refusal> {
  const readings = methods.flatMap((first) =>
    paths.map((second) => ({
      method: first.method,
      path: second.path,
      because: first.because || second.because,
    })),
  );
  if (readings.length > readingsMax) {
    return refused('the request can be read in too many ways');
  }
  return ok(readings.filter(({ because }) => because !== ''));
}

function refused(reason: string): Result<never, Refusal> {
  return err({ code: 'CH2130', reason });
}

function nameOf(name: string): string | undefined {
  if (name.length < nameLengthMin || name.length > nameLengthMax) return undefined;
  const folded = name.toLowerCase();
  return overridingHeaders.has(folded) ? folded : undefined;
}

/**
 * Full-width dots, slashes and letters are plain ones after compatibility normalisation (NFKC), which file systems and
 * some frameworks apply after the path was checked; some file systems pass over what is not shown (CVE-2014-9390). Whoever
 * builds a URL of a decoded path anew sees where a parameter, a query or a fragment begins, passes over spaces at the end,
 * or decodes it again.
 */
function foldedPaths(path: string): readonly string[] {
  if (!readOtherwise.test(path)) return [];
  const shown = path.replace(notShown, '');
  const texts = [...new Set([shown, path])]
    .flatMap(decodings)
    .flatMap((text) => [text, text.replace(parameters, '')])
    .flatMap((text) => [text, text.replace(behindPath, '$1')])
    .flatMap((text) => [text, withoutSpaceBehind(text)]);
  // A URL loses its dots first (RFC 3986), a file name its empty segments.
  return [
    ...new Set(
      [...new Set(texts)]
        .filter((text) => text !== path)
        .flatMap((text) => [resolveSegments(text), resolveSegments(text.replace(/\/+/g, '/'))]),
    ),
  ].filter((text) => text !== path);
}

/** As it folds, and as that is read by whoever decodes it again. */
function decodings(path: string): readonly string[] {
  const found = [folded(path)];
  for (let last = found[0] ?? path; found.length <= decodedMax; ) {
    const next = decodedAgain(last);
    if (next === last) break;
    last = folded(next.replace(notShown, ''));
    found.push(last);
  }
  return found;
}

/** No regular expression, which would be slow on many spaces within. */
function withoutSpaceBehind(path: string): string {
  let end = path.length;
  while (path.charCodeAt(end - 1) === 0x20) end -= 1;
  return path.slice(0, end);
}

function folded(path: string): string {
  return path.replace(slashLike, '/').normalize('NFKC').replaceAll('\\', '/');
}

/** What a fold makes an escape, each for itself: many pass over what is none, and over what is no UTF-8. */
function decodedAgain(path: string): string {
  return path.replace(escapes, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}

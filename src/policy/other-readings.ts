import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './canonical.ts';
import { canonicalPath } from './canonical-path.ts';
import { pathReadings } from './path-readings.ts';
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
    const found = pathReadings(path);
    if (found === undefined) return tooMany;
    for (const folded of found) paths.push({ path: folded, because: readOn(path) });
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
    return tooMany;
  }
  return ok(readings.filter(({ because }) => because !== ''));
}

function refused(reason: string): Result<never, Refusal> {
  return err({ code: 'CH2130', reason });
}

const tooMany = refused('the request can be read in too many ways');

/** What there is to see in it, for whoever is to mend the request or the rules. */
function readOn(path: string): string {
  if (path.includes('%')) return 'the path is another to whoever decodes it further';
  if (path.includes(';')) return 'the path is another to whoever cuts ";" and what follows away';
  return 'the path is another to whoever folds its letters';
}

function nameOf(name: string): string | undefined {
  if (name.length < nameLengthMin || name.length > nameLengthMax) return undefined;
  const folded = name.toLowerCase();
  return overridingHeaders.has(folded) ? folded : undefined;
}

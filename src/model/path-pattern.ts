import { err, ok, type Result } from '../base/result.ts';
import type { PathPattern } from './types.ts';

const patternCharactersMax = 1024;
/** RFC 3986 `pchar` without percent-encoding: a pattern is compared with decoded paths. */
const literalSegment = /^[A-Za-z0-9._~!$&'()+,=:@-]+$/;

/** See `PathPattern` for the language. The error is a sentence about the text. */
export function parsePathPattern(text: string): Result<PathPattern, string> {
  if (!text.startsWith('/')) return err('a path starts with a slash');
  if (text.length > patternCharactersMax)
    return err(`a path has at most ${patternCharactersMax} characters`);
  const segments = text.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '**') {
      if (!last) return err('`**` stands for the rest of a path and can only be last');
    } else if (segment === '' && !last) {
      return err('a path has no empty segments');
    } else if (segment === '.' || segment === '..') {
      return err('a path has no "." or ".." segments');
    } else if (segment !== '*' && segment.includes('*')) {
      return err('`*` stands for one whole segment');
    } else if (segment !== '' && segment !== '*' && !literalSegment.test(segment)) {
      return err(`the segment "${segment}" has a character that a path pattern may not have`);
    }
  }
  return ok({ text, segments });
}

/** Whether a normalised path without query matches. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  const { segments } = pattern;
  const parts = path.slice(1).split('/');
  const rest = segments.at(-1) === '**';
  const fixed = rest ? segments.slice(0, -1) : segments;
  if (rest ? parts.length < fixed.length : parts.length !== fixed.length) return false;
  if (rest && fixed.length === 0) return path.startsWith('/');
  return fixed.every((segment, index) => matchesSegment(segment, parts[index] ?? ''));
}

/** `*` is one segment that is not empty. */
function matchesSegment(segment: string, part: string): boolean {
  return segment === '*' ? part !== '' : segment === part;
}

/** Whether every path that `narrow` matches is matched by `wide`. */
export function coversPath(wide: PathPattern, narrow: PathPattern): boolean {
  const wideRest = wide.segments.at(-1) === '**';
  const narrowRest = narrow.segments.at(-1) === '**';
  if (narrowRest && !wideRest) return false;
  const wideFixed = wideRest ? wide.segments.slice(0, -1) : wide.segments;
  const narrowFixed = narrowRest ? narrow.segments.slice(0, -1) : narrow.segments;
  const fits = wideRest
    ? narrowFixed.length >= wideFixed.length
    : narrowFixed.length === wideFixed.length;
  if (!fits) return false;
  return wideFixed.every((segment, index) => {
    const other = narrowFixed[index] ?? '';
    return segment === '*' ? other !== '' : segment === other;
  });
}

export function patternOf(segments: readonly string[]): PathPattern {
  return { text: `/${segments.join('/')}`, segments };
}

/** The paths that both match; undefined: there are none. */
export function meetOfPaths(one: PathPattern, other: PathPattern): PathPattern | undefined {
  const [a, b] = [one.segments, other.segments];
  const found: string[] = [];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [a[at], b[at]];
    if (left === '**') return patternOf([...found, ...b.slice(at)]);
    if (right === '**') return patternOf([...found, ...a.slice(at)]);
    if (left === undefined || right === undefined) return undefined;
    const both = meetOfSegments(left, right);
    if (both === undefined) return undefined;
    found.push(both);
  }
  return patternOf(found);
}

function meetOfSegments(one: string, other: string): string | undefined {
  if (one === other) return one;
  if (one === '*') return other === '' ? undefined : other;
  return other === '*' && one !== '' ? one : undefined;
}

/** Of a pattern without `**`: with a final slash and without; the path `/` has no other end. */
export function withBothEnds(pattern: PathPattern): readonly PathPattern[] {
  const { segments } = pattern;
  const last = segments.at(-1);
  if (last === '**' || segments.length === 0) return [pattern];
  const other = last === '' ? segments.slice(0, -1) : [...segments, ''];
  return other.length === 0 ? [pattern] : [pattern, patternOf(other)];
}

import type { PathPattern } from '../model/types.ts';

/** Path patterns as one tree, so that a look-up costs by the length of the path and not by the number of rules. */
export interface PathIndex<T> {
  readonly root: PathNode<T>;
}

export interface PathNode<T> {
  readonly literals: ReadonlyMap<string, PathNode<T>>;
  /** `*`: one segment that is not empty. */
  readonly anySegment: PathNode<T> | undefined;
  /** A pattern ends here. */
  readonly end: T | undefined;
  /** A final `**` stands here: any rest, also none. */
  readonly rest: T | undefined;
}

interface Growing<T> {
  literals: Map<string, Growing<T>>;
  anySegment: Growing<T> | undefined;
  end: T | undefined;
  rest: T | undefined;
}

/** Of entries with the same pattern the first is kept, unless `merge` makes one of two. */
export function buildPathIndex<T>(
  entries: Iterable<readonly [segments: readonly string[], value: T]>,
  merge: (before: T, next: T) => T = (before) => before,
): PathIndex<T> {
  const root: Growing<T> = emptyNode();
  for (const [segments, value] of entries) insert(root, segments, value, merge);
  return { root };
}

/** Of several patterns that match, the most specific at the first segment where they differ. */
export function findPath<T>(index: PathIndex<T>, path: string): T | undefined {
  return walk(index.root, path, 1);
}

/** Every pattern that matches, not only the most specific. */
export function eachPath<T>(index: PathIndex<T>, path: string, visit: (value: T) => void): void {
  walkAll(index.root, path, 1, visit);
}

function walkAll<T>(node: PathNode<T>, path: string, at: number, visit: (value: T) => void): void {
  if (node.rest !== undefined) visit(node.rest);
  if (at > path.length) {
    if (node.end !== undefined) visit(node.end);
    return;
  }
  const slash = path.indexOf('/', at);
  const stop = slash === -1 ? path.length : slash;
  const literal = node.literals.size === 0 ? undefined : node.literals.get(path.slice(at, stop));
  if (literal !== undefined) walkAll(literal, path, stop + 1, visit);
  if (node.anySegment !== undefined && stop !== at) walkAll(node.anySegment, path, stop + 1, visit);
}

/** One pattern against the segments of one path; the same answer as an index of that pattern. */
export function matchesSegments(pattern: readonly string[], path: readonly string[]): boolean {
  const rest = pattern.at(-1) === '**';
  const fixed = rest ? pattern.slice(0, -1) : pattern;
  if (rest ? path.length < fixed.length : path.length !== fixed.length) return false;
  return fixed.every((segment, at) => (segment === '*' ? path[at] !== '' : path[at] === segment));
}

export function pathSegments(path: string): readonly string[] {
  return path.slice(1).split('/');
}

/** `/` has one segment, the empty one, as `'/'.split('/')` has it. */
export function patternSegments(pattern: PathPattern): readonly string[] {
  return pattern.segments.length === 0 ? [''] : pattern.segments;
}

/** For deny rules: a final slash does not make another resource. The root stays as it is. */
export function withoutFinalSlash(segments: readonly string[]): readonly string[] {
  return segments.length > 1 && segments.at(-1) === '' ? segments.slice(0, -1) : segments;
}

function emptyNode<T>(): Growing<T> {
  return { literals: new Map(), anySegment: undefined, end: undefined, rest: undefined };
}

function insert<T>(
  root: Growing<T>,
  segments: readonly string[],
  value: T,
  merge: (before: T, next: T) => T,
): void {
  let node = root;
  for (const segment of segments) {
    if (segment === '**') {
      node.rest = node.rest === undefined ? value : merge(node.rest, value);
      return;
    }
    node = child(node, segment);
  }
  node.end = node.end === undefined ? value : merge(node.end, value);
}

function child<T>(node: Growing<T>, segment: string): Growing<T> {
  if (segment === '*') {
    node.anySegment ??= emptyNode();
    return node.anySegment;
  }
  const next = node.literals.get(segment) ?? emptyNode<T>();
  node.literals.set(segment, next);
  return next;
}

/** `at` is where the current segment starts; past the end, the path is used up. Depth is bounded by the tree's. */
function walk<T>(node: PathNode<T>, path: string, at: number): T | undefined {
  if (at > path.length) return node.end ?? node.rest;
  const slash = path.indexOf('/', at);
  const stop = slash === -1 ? path.length : slash;
  const literal = node.literals.size === 0 ? undefined : node.literals.get(path.slice(at, stop));
  const exact = literal === undefined ? undefined : walk(literal, path, stop + 1);
  if (exact !== undefined) return exact;
  const wild =
    node.anySegment === undefined || stop === at
      ? undefined
      : walk(node.anySegment, path, stop + 1);
  return wild ?? node.rest;
}

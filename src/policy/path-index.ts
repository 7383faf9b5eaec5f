import type { PathPattern } from '../model/types.ts';
import { type NumberPairs, numberPairs, valueOfPair } from './number-pairs.ts';
import { anyRest, anyText, emptyText } from './texts.ts';

/**
 * Path patterns as one tree, so that a look-up costs by the length of the path and not by the number of rules. Segments
 * are numbers of the policy's texts, and so are nodes and what stands at them: in flat arrays a look-up waits for memory
 * less often.
 */
export interface PathIndex {
  /** By node and segment: the node below. */
  readonly literals: NumberPairs;
  /** Of each node: the node below `*`, what the pattern that ends here stands for, and the one with a final `**`; or -1. */
  readonly nodes: Int32Array;
}

/** More than fit into memory; with as many nodes a key is still exact. */
const textsMax = 2 ** 26;
const nodeSize = 3;
const [belowAny, ends, goesOn] = [0, 1, 2];

/** While patterns are added. */
interface GrowingPaths {
  readonly nodes: number[];
  readonly literals: number[];
  readonly below: Map<number, number>;
}

export function noPaths(): GrowingPaths {
  return { nodes: [-1, -1, -1], literals: [], below: new Map() };
}

/** Where in `nodes` stands what this pattern stands for: -1, before it stands for something. */
export function placeOf(paths: GrowingPaths, segments: readonly number[]): number {
  let node = 0;
  for (const segment of segments) {
    if (segment === anyRest) return node * nodeSize + goesOn;
    node = child(paths, node, segment);
  }
  return node * nodeSize + ends;
}

function child(paths: GrowingPaths, node: number, segment: number): number {
  const { nodes, literals, below } = paths;
  const newNode = (): number => nodes.push(-1, -1, -1) / nodeSize - 1;
  if (segment === anyText) {
    const at = node * nodeSize + belowAny;
    if (nodes[at] === -1) nodes[at] = newNode();
    return nodes[at] ?? -1;
  }
  const key = node * textsMax + segment;
  const known = below.get(key);
  if (known !== undefined) return known;
  const made = newNode();
  below.set(key, made);
  literals.push(node, segment, made);
  return made;
}

export function pathIndex({ nodes, literals }: GrowingPaths): PathIndex {
  return { literals: numberPairs(literals), nodes: Int32Array.from(nodes) };
}

/** Of every pattern that matches the first `length` segments, the most specific at the first that differs before others. */
export function eachPath(
  index: PathIndex,
  segments: readonly number[],
  length: number,
  visit: (value: number) => void,
): void {
  walk({ index, segments, length, visit }, 0, 0);
}

interface Walk {
  readonly index: PathIndex;
  readonly segments: readonly number[];
  readonly length: number;
  readonly visit: (value: number) => void;
}

/** Depth is bounded by the tree's. */
function walk(given: Walk, node: number, depth: number): void {
  const { literals, nodes } = given.index;
  const at = node * nodeSize;
  const segment = given.segments[depth];
  if (segment === undefined || depth >= given.length) {
    const value = nodes[at + ends] ?? -1;
    if (value !== -1) given.visit(value);
  } else {
    const literal = segment < 0 ? -1 : valueOfPair(literals, node, segment);
    if (literal !== -1) walk(given, literal, depth + 1);
    const wild = nodes[at + belowAny] ?? -1;
    if (wild !== -1 && segment !== emptyText) walk(given, wild, depth + 1);
  }
  const rest = nodes[at + goesOn] ?? -1;
  if (rest !== -1) given.visit(rest);
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

import { matchesSegments, pathSegments } from '../policy/path-index.ts';

/**
 * All paths, cut into classes that no pattern tells apart: at each depth every segment that a pattern names, any other one,
 * a final slash, and the end.
 */
interface PathSpace<T> {
  /** The path ends here; undefined at the root, for the shortest path is `/`. */
  readonly end: T | undefined;
  /** It ends here with a slash. */
  readonly slash: T;
  /** A segment that no pattern names, and whatever follows; a value where nothing below differs. */
  readonly other: { readonly below: PathSpace<T> } | { readonly value: T };
  readonly literals: ReadonlyMap<string, PathSpace<T>>;
}

/** Paths that a pattern matches, without those that are taken out again. */
export interface Region {
  /** In the language of rules, such as `/v1/charges/*`. */
  readonly path: string;
  readonly except: readonly Region[];
}

/** Stands for a segment that no pattern can name, since none may hold a control character. */
export const otherSegment = '\u0001';

/** Tells of one representative of each class; undefined: there are more than the caller has patience for. */
export function pathSpace<T>(
  patterns: readonly (readonly string[])[],
  valueAt: (path: string) => T | undefined,
): PathSpace<T> | undefined {
  const grow = (
    live: readonly (readonly string[])[],
    depth: number,
    prefix: string,
  ): PathSpace<T> | undefined => {
    const end = depth === 0 ? undefined : valueAt(prefix);
    const slash = valueAt(`${prefix}/`);
    if (slash === undefined || (depth > 0 && end === undefined)) return undefined;
    const further = live.filter((pattern) => isFurther(pattern[depth]));
    const at = `${prefix}/${otherSegment}`;
    const wild = further.filter((pattern) => pattern[depth] === '*');
    if (further.length === 0) {
      const value = valueAt(at);
      return value && { end, slash, other: { value }, literals: new Map() };
    }
    const below = grow(wild, depth + 1, at);
    if (below === undefined) return undefined;
    const literals = new Map<string, PathSpace<T>>();
    for (const segment of new Set(further.map((pattern) => pattern[depth] ?? ''))) {
      if (segment === '*') continue;
      const fits = further.filter((one) => one[depth] === '*' || one[depth] === segment);
      const space = grow(fits, depth + 1, `${prefix}/${segment}`);
      if (space === undefined) return undefined;
      literals.set(segment, space);
    }
    return { end, slash, other: { below }, literals };
  };
  return grow(patterns, 0, '');
}

/** A pattern that goes on here: the rest of a path and a final slash are no segments of their own. */
function isFurther(segment: string | undefined): boolean {
  return segment !== undefined && segment !== '**' && segment !== '';
}

/** Every value that some path has. */
export function valuesIn<T>({ end, slash, other, literals }: PathSpace<T>): ReadonlySet<T> {
  const found = new Set<T>(end === undefined ? [slash] : [end, slash]);
  if ('value' in other) found.add(other.value);
  else for (const value of valuesIn(other.below)) found.add(value);
  for (const space of literals.values()) for (const value of valuesIn(space)) found.add(value);
  return found;
}

/** The paths for whose value this holds, exactly, in as few patterns as read well. */
export function regionsOf<T>(space: PathSpace<T>, holds: (value: T) => boolean): readonly Region[] {
  return regionsBelow({ space, holds, prefix: '', known: new Map() });
}

/** A part of all paths, and the ones that are wanted of it. */
interface Part<T> {
  readonly space: PathSpace<T>;
  readonly holds: (value: T) => boolean;
  readonly prefix: string;
  /** What was found of each part, and of what is not wanted of it. */
  readonly known: Map<PathSpace<T>, Map<(value: T) => boolean, readonly Region[]>>;
  /** The opposite of `holds`, made once. */
  readonly not?: (value: T) => boolean;
}

function regionsBelow<T>(part: Part<T>): readonly Region[] {
  const { space, holds, prefix, known } = part;
  const all = uniform(space, holds);
  if (all !== undefined) return all ? [{ path: `${prefix}/**`, except: [] }] : [];
  const here = known.get(space) ?? new Map<(value: T) => boolean, readonly Region[]>();
  known.set(space, here);
  const found = here.get(holds) ?? shorter(piecewise(part), prefix, piecewise(opposite(part)));
  here.set(holds, found);
  return found;
}

function opposite<T>(part: Part<T>): Part<T> {
  const { holds } = part;
  return { ...part, holds: part.not ?? ((value) => !holds(value)), not: holds };
}

/** Everything but a few is said in fewer words than all the rest. */
function shorter(
  regions: readonly Region[],
  prefix: string,
  outside: readonly Region[],
): readonly Region[] {
  return sizeOf(regions) < 1 + sizeOf(outside)
    ? regions
    : [{ path: `${prefix}/**`, except: outside }];
}

function sizeOf(regions: readonly Region[]): number {
  return regions.reduce((sum, { except }) => sum + 1 + sizeOf(except), 0);
}

function piecewise<T>(part: Part<T>): readonly Region[] {
  const { space, holds, prefix } = part;
  const { end, slash, other } = space;
  const others = 'value' in other ? holds(other.value) : uniform(other.below, holds);
  const hasEnd = end !== undefined && holds(end);
  if (others === true && (end === undefined || hasEnd) && holds(slash)) {
    return [{ path: `${prefix}/**`, except: takenOut(part) }];
  }
  return [
    ...(hasEnd ? [{ path: prefix, except: [] }] : []),
    ...(holds(slash) ? [{ path: `${prefix}/`, except: [] }] : []),
    ...(others === true ? [{ path: `${prefix}/*/**`, except: takenOut(part) }] : partly(part)),
  ];
}

/** Below the named segments: where it does not hold. */
function takenOut<T>(part: Part<T>): readonly Region[] {
  const { space, prefix } = part;
  return [...space.literals].flatMap(([segment, below]) =>
    regionsBelow({ ...opposite(part), space: below, prefix: `${prefix}/${segment}` }),
  );
}

/** Below other segments it holds here and there, or nowhere. What is like it below a named segment is not said again. */
function partly<T>(part: Part<T>): readonly Region[] {
  const { space, holds, prefix } = part;
  const { other, literals } = space;
  const below = 'value' in other ? undefined : other.below;
  const shape = below && shapeOf(below, holds);
  const unlike = [...literals].filter(([, one]) => shapeOf(one, holds) !== shape);
  const except = unlike.map(([segment]) => ({ path: `${prefix}/${segment}/**`, except: [] }));
  const wild =
    below === undefined ? [] : regionsBelow({ ...part, space: below, prefix: `${prefix}/*` });
  return [
    ...wild.map((region) => ({
      ...region,
      except: [...region.except, ...except.filter((one) => mayMeet(region.path, one.path))],
    })),
    ...unlike.flatMap(([segment, one]) =>
      regionsBelow({ ...part, space: one, prefix: `${prefix}/${segment}` }),
    ),
  ];
}

/** Whether some path is matched by both; the second one ends in `**`. */
function mayMeet(path: string, other: string): boolean {
  const [one, two] = [pathSegments(path), pathSegments(other).slice(0, -1)];
  return two.every((segment, at) => {
    const found = one[at];
    return found === '*' || found === '**' || found === segment;
  });
}

/** Undefined: it holds for some paths, and not for others. */
function uniform<T>(space: PathSpace<T>, holds: (value: T) => boolean): boolean | undefined {
  const { end, slash, other, literals } = space;
  const first = holds(slash);
  if (end !== undefined && holds(end) !== first) return undefined;
  const others = 'value' in other ? holds(other.value) : uniform(other.below, holds);
  if (others !== first) return undefined;
  for (const below of literals.values()) if (uniform(below, holds) !== first) return undefined;
  return first;
}

/** Equal for spaces in which it holds for the same rests of paths, when they were made from the same segments. */
function shapeOf<T>(space: PathSpace<T>, holds: (value: T) => boolean): string {
  const all = uniform(space, holds);
  if (all !== undefined) return all ? '1' : '0';
  const { end, slash, other, literals } = space;
  const bit = (value: T | undefined): string => (value !== undefined && holds(value) ? '1' : '0');
  const others = 'value' in other ? bit(other.value) : shapeOf(other.below, holds);
  const named = [...literals]
    .map(([segment, below]) => [segment, shapeOf(below, holds)] as const)
    .filter(([, shape]) => shape !== others)
    .map(([segment, shape]) => `${segment}=${shape}`)
    .sort();
  return `(${bit(end)}${bit(slash)}${others}[${named.join(' ')}])`;
}

/** Whether a path, in canonical form, is in one of these. */
export function regionsCover(regions: readonly Region[], path: string): boolean {
  const segments = pathSegments(path);
  return regions.some(
    (region) =>
      matchesSegments(pathSegments(region.path), segments) && !regionsCover(region.except, path),
  );
}

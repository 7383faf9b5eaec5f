import { sameItems } from '../model/changes.ts';
import type { MadeAt, Resource } from './resource.ts';

/** The resource from before where the new one says the same, so that who compares objects sees no change. */
export function keepResource(known: Resource | undefined, next: Resource): Resource {
  return known !== undefined && sameResource(known, next) ? known : next;
}

function sameResource(a: Resource, b: Resource): boolean {
  return (
    a.version === b.version &&
    a.name === b.name &&
    a.typeUrl === b.typeUrl &&
    samePlaces(a.from, b.from)
  );
}

export function samePlaces(a: readonly MadeAt[], b: readonly MadeAt[]): boolean {
  return a.length === b.length && a.every((at, index) => samePlace(at, b[index]));
}

function samePlace(a: MadeAt, b: MadeAt | undefined): boolean {
  return (
    a === b ||
    (b !== undefined &&
      a.file === b.file &&
      a.line === b.line &&
      a.column === b.column &&
      a.length === b.length &&
      a.part === b.part)
  );
}

/** The list from before where it holds the same objects. */
export function keepList<T>(known: readonly T[] | undefined, next: readonly T[]): readonly T[] {
  return known !== undefined && sameItems(known, next) ? known : next;
}

/** Resources of one type by name. */
export type Named = ReadonlyMap<string, Resource>;

/** By name in the order given; the map from before where it holds the same objects in the same order. */
export function keepNamed(known: Named | undefined, resources: readonly Resource[]): Named {
  if (known !== undefined && holdsJust(known, resources)) return known;
  const next = new Map<string, Resource>();
  for (const one of resources) next.set(one.name, one);
  // Fewer than given when a name came twice.
  if (known !== undefined && next.size < resources.length && holdsJust(known, [...next.values()]))
    return known;
  return next;
}

function holdsJust(known: Named, resources: readonly Resource[]): boolean {
  if (known.size !== resources.length) return false;
  let at = 0;
  for (const one of known.values()) if (one !== resources[at++]) return false;
  return true;
}

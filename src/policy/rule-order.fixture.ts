/** The order of names read out plainly: no rank, no index and no tree is in it. */

/** What tells of it, the first in the order of names first. */
const needs = ['certificate', 'plain headers', 'person', 'desk'] as const;

/** One way in which a rule is about a request. */
export interface Way {
  readonly id: string;
  readonly needs: (typeof needs)[number];
  /** Its method, or `*`. */
  readonly method: string;
  /** Its pattern, such as `/a/*`. */
  readonly path: string;
  readonly isAnyCaller: boolean;
}

/** The way that is named; all of them cover the same request. */
export function firstNamed(ways: readonly Way[]): Way | undefined {
  const [first] = ways.toSorted(
    (a, b) =>
      needs.indexOf(a.needs) - needs.indexOf(b.needs) ||
      comparePaths(a.path, b.path) ||
      Number(a.method === '*') - Number(b.method === '*') ||
      Number(a.isAnyCaller) - Number(b.isAnyCaller) ||
      (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  return first;
}

function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('/').slice(1), b.split('/').slice(1)];
  for (let at = 0; at <= Math.max(left.length, right.length); at += 1) {
    const difference = weight(left[at]) - weight(right[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function weight(segment: string | undefined): number {
  if (segment === '*') return 1;
  if (segment === undefined) return 2;
  return segment === '**' ? 3 : 0;
}

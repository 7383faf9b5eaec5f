import { compareText } from './document.ts';

const suggestionsMax = 3;
/** A service name is a DNS label; nothing longer can be a slip of one. */
const nameLengthMax = 63;

/** Known names within a third of the letters of `name`, best first; letters swapped with a neighbour count as one. */
export function nearestNames(name: string, known: Iterable<string>): readonly string[] {
  if (name.length > nameLengthMax) return [];
  const distanceMax = Math.max(1, Math.floor(name.length / 3));
  const found: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > distanceMax) continue;
    const distance = editDistance(name, candidate);
    if (distance <= distanceMax) found.push({ candidate, distance });
  }
  return found
    .sort((a, b) => a.distance - b.distance || compareText(a.candidate, b.candidate))
    .slice(0, suggestionsMax)
    .map(({ candidate }) => candidate);
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        cell(last, column) + 1,
        cell(current, column - 1) + 1,
        cell(last, column - 1) + (same ? 0 : 1),
        swapped ? cell(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return cell(last, b.length);
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

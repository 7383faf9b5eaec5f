import type { Finding } from '../../base/finding.ts';

/** Only the lines that findings name, where they stand; every other line is empty. Enough to show each finding. */
export function excerptsOf(
  findings: readonly Finding[],
  files: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const places = findings.flatMap((one) => [
    ...(one.at === undefined ? [] : [one.at]),
    ...(one.related ?? []).map(({ at }) => at),
  ]);
  const byFile = Map.groupBy(places, ({ file }) => file);
  const excerpts = [...byFile].flatMap(([file, wanted]) => {
    const text = files.get(file);
    if (text === undefined) return [];
    const lines = new Set(wanted.map(({ line }) => line));
    const last = Math.max(...lines);
    const kept = text
      .split('\n', last)
      .map((line, index) => (lines.has(index + 1) ? line : ''))
      .join('\n');
    return [[file, kept] as const];
  });
  return Object.fromEntries(excerpts);
}

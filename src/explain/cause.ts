/** A line of a file of the intent. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Files of one commit, by path. */
export type Files = ReadonlyMap<string, string>;

/**
 * The line that made a resource otherwise than in the other commit: one of those that it comes from, if it was
 * changed, else a changed line of their files, else the first changed line of all. `from`: most specific first.
 */
export function causeOf(from: readonly Place[], own: Files, other: Files): Place | undefined {
  const changedLines = (file: string) => changedRange(own.get(file), other.get(file));
  const changed = from.find(({ file, line }) => {
    const range = changedLines(file);
    return range !== undefined && line >= range.first && line <= range.last;
  });
  if (changed !== undefined) return { file: changed.file, line: changed.line };
  const files = [...new Set([...from.map(({ file }) => file), ...[...own.keys()].sort()])];
  for (const file of files) {
    const range = changedLines(file);
    if (range !== undefined) return { file, line: range.first };
  }
  const [first] = from;
  return first && { file: first.file, line: first.line };
}

interface Range {
  readonly first: number;
  /** Before `first` where lines were only added on the other side. */
  readonly last: number;
}

/** From the first line that differs to the last; undefined: nothing does, or the file is not there. */
export function changedRange(
  own: string | undefined,
  other: string | undefined,
): Range | undefined {
  if (own === undefined || own === other) return undefined;
  const [mine, theirs] = [own.split('\n'), (other ?? '').split('\n')];
  const shorter = Math.min(mine.length, theirs.length);
  let head = 0;
  while (head < shorter && mine[head] === theirs[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && mine.at(-1 - tail) === theirs.at(-1 - tail)) tail += 1;
  return { first: Math.min(head + 1, mine.length), last: mine.length - tail };
}

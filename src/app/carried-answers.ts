import type { Finding } from '../base/finding.ts';
import type { Result } from '../base/result.ts';
import type { Carried } from '../git/carried.ts';
import { type CommitId, parseCommitId } from '../git/commit.ts';

/** Of those that wait now, two of each; each asks many times in a second. */
const answersMax = 400;

type Ask = (commit: string, newer: CommitId) => Promise<Result<Carried | undefined, Finding>>;

/** Commits never change, and so what git says of two of them is asked for once. Undefined: it is not known (yet). */
export function carriedAnswers(
  ask: Ask,
): (commit: string, newer: string) => Promise<Carried | undefined> {
  const known = new Map<string, Carried>();
  return async (commit, newer) => {
    const id = parseCommitId(newer);
    const key = `${commit} ${newer}`;
    const before = known.get(key);
    if (id === undefined || before !== undefined) return before;
    const found = await ask(commit, id);
    if (!found.ok || found.value === undefined) return undefined;
    known.set(key, found.value);
    const [oldest] = known.keys();
    if (known.size > answersMax && oldest !== undefined) known.delete(oldest);
    return found.value;
  };
}

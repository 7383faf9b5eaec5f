import type { IntentTree, TakeBackRequest } from '../../../src/app/intent-source.ts';
import type { Finding } from '../../../src/base/finding.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { Carried } from '../../../src/git/carried.ts';
import type { CommitId } from '../../../src/git/commit.ts';
import type { CommitStanding } from '../../../src/git/commit-standing.ts';
import { intentMovedOn } from '../../../src/git/remote-findings.ts';
import type { TakenBack } from '../../../src/git/take-back.ts';
import { parseTrailers } from '../../../src/git/trailers.ts';

export interface SimCommit {
  readonly id: CommitId;
  readonly parent: string | undefined;
  readonly message: string;
  readonly files: ReadonlyMap<string, string>;
}

/** The commits of one repository and the branch that is followed, in memory; as Git answers about them. */
export class History {
  readonly commits = new Map<string, SimCommit>();
  readonly #watchers = new Set<() => void>();
  #head: SimCommit | undefined;

  get head(): SimCommit {
    if (this.#head === undefined) throw new Error('there is no commit');
    return this.#head;
  }

  of(id: string): SimCommit {
    const found = this.commits.get(id);
    if (found === undefined) throw new Error(`there is no commit ${id}`);
    return found;
  }

  commit(files: ReadonlyMap<string, string>, message: string): SimCommit {
    const id = (this.commits.size + 1).toString(16).padStart(8, '0').padEnd(40, 'c') as CommitId;
    const made = { id, parent: this.#head?.id, message, files };
    this.commits.set(id, made);
    this.#move(made);
    return made;
  }

  reset(id: string): void {
    this.#move(this.of(id));
  }

  #move(to: SimCommit): void {
    this.#head = to;
    for (const watcher of [...this.#watchers]) watcher();
  }

  watch(onMove: () => void): () => void {
    this.#watchers.add(onMove);
    return () => this.#watchers.delete(onMove);
  }

  tree(id: string): IntentTree {
    const { message, files } = this.of(id);
    return {
      ...{ commit: id, subject: message.split('\n')[0] ?? '', files },
      trailers: parseTrailers(message),
    };
  }

  /** From the newest to the first. */
  #line(from: string): SimCommit[] {
    const line: SimCommit[] = [];
    for (let at = this.commits.get(from); at !== undefined; ) {
      line.push(at);
      at = at.parent === undefined ? undefined : this.commits.get(at.parent);
    }
    return line;
  }

  contains(later: string, earlier: string): boolean {
    return this.#line(later).some(({ id }) => id === earlier);
  }

  standing(id: string): CommitStanding {
    if (id === this.head.id) return 'newest';
    if (!this.commits.has(id)) return 'unknown';
    return this.contains(this.head.id, id) ? 'beneath' : 'elsewhere';
  }

  /** As `src/git/carried.ts`, for a history without merges. */
  carried(older: string, newer: string): Carried | undefined {
    if (!this.commits.has(older)) return undefined;
    if (older === newer) return 'contained';
    if (!this.contains(newer, older)) return 'missing';
    const { parent, files: after } = this.of(older);
    const before = parent === undefined ? new Map<string, string>() : this.of(parent).files;
    const now = this.of(newer).files;
    const paths = new Set([...before.keys(), ...after.keys()]);
    const changed = [...paths].filter((path) => before.get(path) !== after.get(path));
    if (changed.every((path) => now.get(path) === after.get(path))) return 'contained';
    if (changed.every((path) => now.get(path) === before.get(path))) return 'reverted';
    return this.#saidReverted(older, newer) ? 'reverted' : 'contained';
  }

  #saidReverted(older: string, newer: string): boolean {
    const undone = new Set<string>();
    for (const { id, message } of this.#line(newer)) {
      if (id === older) return false;
      if (undone.has(id)) continue;
      for (const [, named = ''] of message.matchAll(/^This reverts commit ([0-9a-f]{40,64})/gm)) {
        undone.add(named);
        if (named === older) return true;
      }
      const good = parseTrailers(message).get('intent-of')?.[0];
      if (good !== undefined && !this.contains(older, good)) return true;
    }
    return false;
  }

  /** As `src/git/take-back.ts`; the branch moves at once. */
  takeBack({ from, to, reason }: TakeBackRequest): Result<TakenBack, Finding> {
    const [now, bad, good] = [this.head.files, this.of(from).files, this.of(to).files];
    if (same(now, good)) return ok({ kind: 'nothing', commit: this.head.id });
    if (!same(now, bad)) return err(intentMovedOn(from, this.head.id));
    const subject = `Take back ${from.slice(0, 12)}: intent as of ${to.slice(0, 12)}`;
    const message = `${subject}\n\n${reason.trim()}\n\nTaken-Back: ${from}\nIntent-Of: ${to}\n`;
    const { id } = this.commit(good, message);
    return ok({ kind: 'taken back', commit: id, workTree: 'none' });
  }
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
}

import { readIntent } from '../app/read-intent.ts';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import { fitted } from '../base/wrap.ts';
import { recompile } from '../compile/revision.ts';
import { standIns } from '../compile/stand-in.ts';
import { type RevisionDiff, type RevisionSide, revisionDiff } from '../explain/revision-diff.ts';
import type { CommitId } from '../git/commit.ts';
import type { Repository } from '../git/repository.ts';
import type { Intent } from '../model/types.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { changeText, count, namesText } from './diff-text.ts';
import { repositoryFor } from './repository-for.ts';
import { paint, type Terminal } from './terminal.ts';

const namesInSummary = 10;
const namesAtResource = 3;

/** Two commits of one repository. */
interface CommitPair {
  readonly repository: Repository;
  readonly before: CommitId;
  readonly after: CommitId;
}

/** Undefined: one of the two is no commit of the repository in `dir`, or there is none. */
export async function commitPair(
  dir: string,
  names: readonly [string, string],
): Promise<CommitPair | undefined> {
  const opened = await repositoryFor(dir);
  if (!opened.ok) return undefined;
  const repository = opened.value;
  const [before, after] = await Promise.all(names.map((name) => repository.resolve(name)));
  if (before?.ok !== true || after?.ok !== true) return undefined;
  if (before.value === undefined || after.value === undefined) return undefined;
  return { repository, before: before.value, after: after.value };
}

interface Side {
  readonly id: CommitId;
  readonly subject: string;
  readonly files: ReadonlyMap<string, string>;
  readonly intent: Intent;
}

/** What changes for each proxy between two commits, compiled from Git alone. */
export async function diffCommits(
  pair: CommitPair,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const [before, after] = [
    await sideOf(pair.repository, pair.before, terminal),
    await sideOf(pair.repository, pair.after, terminal),
  ];
  if (before === undefined || after === undefined) return 1;
  const found = compared(before, after);
  const name = ({ id, subject }: Side) => ({ commit: id, subject });
  const reply = { before: name(before), after: name(after), ...found };
  terminal.out(json ? JSON.stringify(reply) : textOf(before, after, found, terminal));
  const { changed, added, gone } = found.proxies;
  return changed.length + added.length + gone.length === 0 ? 0 : 2;
}

/** Undefined: it does not hold, and why was said. */
async function sideOf(
  repository: Repository,
  id: CommitId,
  terminal: Terminal,
): Promise<Side | undefined> {
  const [commit, files] = await Promise.all([repository.commit(id), repository.readTree(id)]);
  if (!commit.ok) throw new ChanceryError(commit.error);
  if (!files.ok) {
    terminal.findings(files.error);
    return undefined;
  }
  const { intent, findings } = readIntent(files.value, systemClock.nowMs());
  if (intent !== undefined)
    return { id, subject: commit.value.subject, files: files.value, intent };
  terminal.findings(findings, files.value);
  terminal.err(`commit ${shortCommit(id)} does not hold, so it makes nothing to compare`);
  return undefined;
}

function compared(before: Side, after: Side): RevisionDiff {
  const old = recompile(undefined, before.intent, standIns(before.intent.services.values()));
  // From what was compiled already: what is the same is the same object.
  const now = recompile(old, after.intent, standIns(after.intent.services.values()));
  const side = ({ files }: Side, { snapshots }: typeof old): RevisionSide => ({ files, snapshots });
  return revisionDiff(side(before, old), side(after, now));
}

function textOf(
  before: Side,
  after: Side,
  { proxies, resources }: RevisionDiff,
  terminal: Terminal,
): string {
  const { changed, added, gone, same } = proxies;
  const head = [
    `- ${shortCommit(before.id)} ${before.subject}`,
    `+ ${shortCommit(after.id)} ${after.subject}`,
  ];
  if (changed.length + added.length + gone.length === 0) {
    return [...head, `nothing changes for any of ${count(same, 'proxy', 'proxies')}`].join('\n');
  }
  const kinds: readonly (readonly [string, readonly string[], 'yellow' | 'green' | 'red'])[] = [
    ['changed', changed, 'yellow'],
    ['new', added, 'green'],
    ['gone', gone, 'red'],
  ];
  const counts = kinds
    .filter(([, names]) => names.length > 0)
    .map(
      ([what, names, hue]) =>
        `  ${paint(terminal, hue, `${names.length} ${what}`)}: ${namesText(names, namesInSummary)}`,
    );
  const summary = `${count(changed.length, 'proxy changes', 'proxies change')} in ${count(resources.length, 'resource', 'resources')}; ${same} as before (one proxy of each version of each service)`;
  const changes = resources.map((one) =>
    changeText(
      one,
      `of ${namesText(
        one.proxies.map(({ proxy }) => proxy),
        namesAtResource,
      )}`,
      terminal,
    ),
  );
  return fitted(
    [...head, '', summary, ...counts, ...changes.flatMap((text) => ['', text])].join('\n'),
    terminal.width,
  );
}

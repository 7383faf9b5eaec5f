import { existsSync } from 'node:fs';
import { layoutOf } from '../app/layout.ts';
import { readIntent } from '../app/read-intent.ts';
import { serverHolder } from '../app/server-holder.ts';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { Grant } from '../breakglass/grant.ts';
import { intentWith } from '../breakglass/grant-rule.ts';
import type { ApiClient } from '../client/client.ts';
import type { CommitId } from '../git/commit.ts';
import type { Repository } from '../git/repository.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import type { Intent } from '../model/types.ts';
import type { IntentReply } from '../serve/api/wire-intent.ts';
import { type HelpLine, usageError, type Values } from './arguments.ts';
import { shortCommit } from './commit-text.ts';
import { controlClient, type TargetValues } from './control-target.ts';
import { folderNamed } from './folder.ts';
import { parseMoment } from './moment.ts';
import { repositoryFor } from './repository-for.ts';
import type { Terminal } from './terminal.ts';

/** One state of the intent, and where it was found. */
export interface IntentAt {
  readonly intent: Intent;
  readonly files: ReadonlyMap<string, string>;
  readonly commit: string;
  readonly subject: string;
  /** Such as `3f9c2e1a07bd, which runs`. */
  readonly where: string;
  /** Access beside it is in the intent, for a time that has not passed. */
  readonly isGranted: boolean;
}

export const intentAtHelp: readonly HelpLine[] = [
  ['--at COMMIT|TIME', 'at a commit of the repository in DIR, or as it ran at a time'],
  ['--dev', 'the files in DIR as they lie'],
  '  Unless said, what the mesh in DIR (or --api) runs on; where none runs, HEAD of the repository in DIR, or its files.',
];

export const intentAtFlags = { at: { type: 'string' }, dev: { type: 'boolean' } } as const;

export type IntentAtValues = TargetValues & Partial<Values<typeof intentAtFlags>>;

interface Found {
  readonly files: ReadonlyMap<string, string>;
  readonly commit: string;
  readonly subject: string;
  readonly where: string;
  /** What is granted beside it. */
  readonly grants?: readonly Grant[];
}

interface Asked {
  readonly dir: string | undefined;
  readonly values: IntentAtValues;
  /** What the state is of, as it was typed; `--at` when left out. */
  readonly name?: string;
}

/** What files say, whatever is granted beside them: a grant is no rule of anybody's, and no commit ends it. */
export async function intentOfFiles(
  given: Asked,
  terminal: Terminal,
): Promise<IntentAt | undefined> {
  return stateOf(withoutGrants(await find(given)), terminal);
}

/** Undefined: it does not hold, and why was said. */
export async function intentAt(given: Asked, terminal: Terminal): Promise<IntentAt | undefined> {
  return stateOf(await find(given), terminal);
}

function stateOf(found: Found, terminal: Terminal): IntentAt | undefined {
  const { intent, findings } = readIntent(found.files, systemClock.nowMs());
  if (intent === undefined) {
    terminal.findings(findings, found.files);
    terminal.err(`${found.where}: it does not hold, so nothing is decided by it`);
    return undefined;
  }
  const { files, commit, subject, grants = [] } = found;
  const whole = intentWith(intent, grants);
  const where = whereOf(found);
  return { intent: whole, files, commit, subject, where, isGranted: grants.length > 0 };
}

function withoutGrants({ grants: _, ...found }: Found): Found {
  return found;
}

function whereOf({ where, grants = [] }: Found): string {
  return grants.length === 0 ? where : where.replace(/\)$/, ', with break-glass grants)');
}

async function find(given: Asked): Promise<Found> {
  const { dir, values } = given;
  const at = values.at;
  if (values.dev) {
    if (at !== undefined) throw usageError('--dev is now: it does not go with --at');
    return workingFiles(dir ?? '.');
  }
  // Without a folder that was named, names of commits are those of where it is typed.
  if (at !== undefined) return findAt(at, given);
  const repository = values.api === undefined ? await repositoryIn(dir ?? '.') : undefined;
  if (values.api !== undefined || process.env['CHANCERY_API'] || meshRunsIn(dir ?? '.')) {
    return ofReply(await running(controlClient(values, dir), repository), 'which runs');
  }
  return repository === undefined
    ? workingFiles(dir ?? '.')
    : ofCommit(repository, await headOf(repository), 'HEAD; no mesh runs here');
}

/** Proxies may go on with what a control plane that is away gave them: HEAD is no answer that was asked for. */
async function running(api: ApiClient, repository: Repository | undefined): Promise<IntentReply> {
  try {
    return await api.get('/v1/intent');
  } catch (error) {
    const isAway = error instanceof ChanceryError && error.code === 'CH5402';
    if (!isAway || repository === undefined) throw error;
    const { help = '' } = error.finding;
    throw new ChanceryError({
      ...error.finding,
      help: `${help}; or ask the repository: --at HEAD`,
    });
  }
}

async function findAt(at: string, { dir, values, name = '--at' }: Asked): Promise<Found> {
  const opened = existsSync(dir ?? '.') ? await repositoryFor(dir) : undefined;
  const repository = opened?.ok ? opened.value : undefined;
  const resolved = await repository?.resolve(at);
  const commit = resolved?.ok ? resolved.value : undefined;
  if (repository !== undefined && commit !== undefined) return ofCommit(repository, commit, at);
  const moment = parseMoment(at, systemClock.nowMs());
  if (!moment.ok) {
    const elsewhere = opened?.ok === false ? ` (${opened.error.help ?? opened.error.message})` : '';
    const problem = `"${at}" is no commit of the repository${elsewhere}, and ${moment.error}`;
    throw usageError(`${name}: ${problem}`);
  }
  const reply = await controlClient(values, dir).get('/v1/intent', { query: { at: moment.value } });
  return ofReply(reply, `which ran at ${at}`);
}

export function meshRunsIn(dir: string): boolean {
  if (!existsSync(dir)) return false;
  const layout = layoutOf(folderNamed(dir), process.env);
  return existsSync(layout.controlSocket) || serverHolder(layout) !== undefined;
}

async function repositoryIn(dir: string): Promise<Repository | undefined> {
  if (!existsSync(dir)) return undefined;
  const opened = await repositoryFor(dir);
  return opened.ok ? opened.value : undefined;
}

async function headOf(repository: Repository): Promise<CommitId> {
  const head = await repository.head();
  if (!head.ok) throw new ChanceryError(head.error);
  return head.value.id;
}

async function ofCommit(repository: Repository, id: CommitId, name: string): Promise<Found> {
  const [commit, files] = await Promise.all([repository.commit(id), repository.readTree(id)]);
  if (!commit.ok) throw new ChanceryError(commit.error);
  if (!files.ok) {
    const [first] = files.error;
    throw new ChanceryError(first ?? { code: 'CH5472', message: `${name} cannot be read` });
  }
  const where = `commit ${shortCommit(id)} (${name})`;
  return { files: files.value, commit: id, subject: commit.value.subject, where };
}

function ofReply({ commit, subject, files, grants = [] }: IntentReply, what: string): Found {
  const map = new Map(files.map(({ path, text }) => [path, text]));
  const where = `commit ${shortCommit(commit)} (${what})`;
  return { files: map, commit, subject, where, grants };
}

async function workingFiles(dir: string): Promise<Found> {
  const files = await readWorkingTree(dir);
  if (!files.ok) {
    const [first] = files.error;
    throw new ChanceryError(first ?? { code: 'CH5472', message: `${dir} cannot be read` });
  }
  return { files: files.value, commit: 'working', subject: '', where: `the files in ${dir}` };
}

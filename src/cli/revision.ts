import { userInfo } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { ApiClient } from '../client/client.ts';
import type { CommitVerdict, Rollout, UpgradeReply } from '../client/gen/api.ts';
import { subjectOf, usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { commitNamed } from './commit-name.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { momentOf } from './moment-flag.ts';
import { type Revision, revisionTable, waveText } from './revision-text.ts';
import type { Terminal } from './terminal.ts';
import { stands, upgradeText } from './upgrade-text.ts';
import { reportVerdict } from './verdict-text.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  limit: { type: 'string' },
  at: { type: 'string' },
} as const;

export const revision = command({
  usage: 'revision list|show|halt|resume|rollback [COMMIT] [DIR]',
  text: [
    'What became of each commit: through the gates, then to all proxies: one of each service that it touches, a tenth, all.',
    '',
    [
      'revision list [DIR]',
      'the newest first, and how far each got; 2: the newest is refused, waits or is halted, or what a new version of the control plane compiles otherwise is',
    ],
    ['  --limit N', 'at most so many; 20 when left out'],
    [
      'revision show COMMIT [DIR]',
      'one of them, with everything that was found, its waves, and who is in them',
    ],
    [
      '  --at TIME',
      'list and show: as it was then, and how far each was; what its gates took is not recorded',
    ],
    ['revision halt|resume [DIR]', 'nobody else gets the one that is under way, until you say'],
    [
      'revision rollback [DIR]',
      'everybody gets what ran before it; the same commit is not tried again',
    ],
    '',
    'A commit whose message ends in the trailer `Chancery: urgent` goes to all at once; chancery approve --help tells of the other one.',
    'Each takes --json. halt, resume and rollback show all as list does; 0: it is done.',
    ...targetHelp,
  ],
  examples: ['chancery revision rollback /srv/intent'],
  flags,
  run,
});

const verbs = {
  command: 'revision',
  verbs: {
    ...{ list: undefined, show: 'a commit' },
    ...{ halt: undefined, resume: undefined, rollback: undefined },
  },
  flags: { at: ['list', 'show'] },
} as const;

const limitUnlessSaid = '20';

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, name: commit, dir } = subjectOf({ positionals, values }, verbs);
  const look = {
    api: controlClient(values, dir),
    dir: dir ?? '',
    json: values.json === true,
    limit: limitOf(values.limit ?? limitUnlessSaid),
    at: momentOf(values.at, '--at'),
    terminal,
  };
  switch (verb) {
    case 'list':
      return list(look);
    case 'show':
      return show((await commitNamed(commit, dir)) ?? commit, look);
    case 'halt':
    case 'resume':
    case 'rollback':
      await look.api.post('/v1/revisions/steps', {
        body: { step: verb, by: userInfo().username },
      });
      await list(look);
      // That it stands halted is what was asked for.
      return 0;
  }
}

interface Look {
  readonly api: ApiClient;
  readonly dir: string;
  readonly json: boolean;
  readonly limit: number;
  /** Undefined: as it is now. */
  readonly at: number | undefined;
  readonly terminal: Terminal;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1) throw usageError('--limit is a number from 1');
  return limit;
}

async function list(look: Look): Promise<ExitCode> {
  const { api, json, limit, at, terminal } = look;
  const query = at === undefined ? {} : { at };
  const { verdicts } = await api.get('/v1/verdicts', { query });
  const { rollouts, upgrade } = await rolloutsOf(look);
  const shown = verdicts.slice(0, limit).map((one) => joined(one, rollouts));
  if (json) terminal.out(JSON.stringify(shown));
  else {
    terminal.out(shown.length === 0 ? 'no commit came yet' : revisionTable(shown, terminal));
    if (upgrade !== undefined) terminal.out(`\n${upgradeText(upgrade, terminal)}`);
  }
  return upgrade !== undefined && stands(upgrade) ? 2 : exitCodeOf(shown[0]);
}

async function show(commit: string, look: Look): Promise<ExitCode> {
  const { dir, json, terminal } = look;
  const verdict = await verdictOf(commit, look);
  if (verdict === undefined) {
    throw new ChanceryError({
      code: 'CH4212',
      message: `the control plane has seen no commit ${commit}`,
      help: 'chancery revision list shows those that it has',
    });
  }
  const { rollouts } = await rolloutsOf(look);
  const found = joined(verdict, rollouts);
  if (json) terminal.out(JSON.stringify(found));
  else {
    reportVerdict(verdict, dir, terminal);
    if (found.rollout !== undefined) terminal.out(waveText(found.rollout, terminal));
  }
  return exitCodeOf(found);
}

/** Undefined: it was not seen (yet). */
async function verdictOf(commit: string, { api, at }: Look): Promise<CommitVerdict | undefined> {
  if (at === undefined) {
    return (await api.get('/v1/verdicts/{name}', { path: { name: commit } })).verdict;
  }
  const { verdicts } = await api.get('/v1/verdicts', { query: { at } });
  return verdicts.find((one) => one.commit.startsWith(commit));
}

/** Of those before its start, and of a time, the control plane knows from the ledger. */
async function rolloutsOf({
  api,
  at,
  terminal,
}: Look): Promise<{ readonly rollouts: readonly Rollout[]; readonly upgrade?: UpgradeReply }> {
  const past = async (atMs: number): Promise<readonly Rollout[]> =>
    (await api.get('/v1/revisions', { query: { at: atMs } })).revisions;
  if (at !== undefined) return { rollouts: await past(at) };
  const { revisions: now, upgrade } = await api.get('/v1/revisions');
  // What is under way matters most when the store is away, and needs nothing of it.
  const then = await past(systemClock.nowMs()).catch((error: unknown) => {
    if (!(error instanceof ChanceryError) || error.code !== 'CH5205') throw error;
    terminal.err(`how older ones ended is not known now: ${error.finding.found}`);
    return [];
  });
  const known = new Set(now.map(({ commit }) => commit));
  const rollouts = [...now, ...then.filter(({ commit }) => !known.has(commit))];
  return { rollouts, ...(upgrade === undefined ? {} : { upgrade }) };
}

function joined(verdict: CommitVerdict, rollouts: readonly Rollout[]): Revision {
  return { ...verdict, rollout: rollouts.find(({ commit }) => commit === verdict.commit) };
}

function exitCodeOf(revision: Revision | undefined): ExitCode {
  const { verdict, rollout } = revision ?? {};
  const stands = verdict?.kind === 'refused' || verdict?.kind === 'waiting';
  return stands || rollout?.state.kind === 'halted' ? 2 : 0;
}

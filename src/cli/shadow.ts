import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { readIntent } from '../app/read-intent.ts';
import { filesToSend } from '../app/shadow/shadow-files.ts';
import { systemClock as clock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { ApiClient } from '../client/client.ts';
import type { ShadowInfo } from '../client/gen/api.ts';
import { type DurationFlag, durationMsOf, usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { repositoryFor } from './repository-for.ts';
import { agreementText, shadowText } from './shadow-text.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

const forUnlessSaid = '1h';
const forFlag: DurationFlag = { flag: '--for', units: ['s', 'm', 'h'], suchAs: '30m or 1h' };

const flags = {
  ...targetFlags,
  for: { type: 'string' },
  watch: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export const shadow = command({
  usage: 'shadow BRANCH [DIR] [--for 1h] [--watch] | show [DIR] [--json] | stop [DIR]',
  text: [
    'Lets the policy of a branch ride along with live traffic, and tells what it would do otherwise. It decides nothing.',
    '',
    [
      'shadow BRANCH [DIR]',
      'a branch, a tag or a commit of the repository in DIR; whole, as it is',
    ],
    ['  --for TIME', `it ends by itself after this; ${forUnlessSaid} unless said, a day at most`],
    ['  --watch', 'follow what it finds until Ctrl-C or its end'],
    [
      'shadow show [DIR]',
      'by edge and rule, with the lines of both sides; of the one that rides, or of the last one',
    ],
    ['shadow stop [DIR]', 'end it'],
    '',
    'What the proxies decide by themselves comes from their access logs: it takes up to half a minute to be shown, and is uncertain where a rule looks at what no log holds.',
    '',
    '0: no difference so far; 2: there are; 3: it would deny traffic that is let in now.',
    'Each takes --json. With --api, BRANCH is of the repository around here. What was found by a time is not kept; which one rode then is: chancery log --kind shadow-started --kind shadow-ended --at TIME.',
    ...targetHelp,
  ],
  examples: ['chancery shadow tighten-payments /srv/intent --for 30m --watch'],
  flags,
  run,
});

interface Call {
  readonly api: ApiClient;
  readonly json: boolean;
  readonly terminal: Terminal;
}

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [name, dir, ...more] = positionals;
  if (name === undefined) throw usageError('shadow needs a branch, show or stop');
  if (more.length > 0) throw usageError('shadow takes one folder');
  const call = { api: controlClient(values, dir), json: values.json === true, terminal };
  if (name === 'show') {
    return tell((await call.api.get('/v1/shadow')).shadow, call);
  }
  if (name === 'stop') {
    const body = { by: userInfo().username };
    return tell((await call.api.post('/v1/shadow/stop', { body })).shadow, call);
  }
  const forMs = durationMsOf(forFlag, values.for ?? forUnlessSaid);
  const started = await start(call, { name, dir: dir ?? '.', forMs });
  if (started === undefined) return 1;
  if (values.watch) return watch(call);
  return tell(started, call);
}

interface Wanted {
  readonly name: string;
  readonly dir: string;
  readonly forMs: number;
}

/** Undefined: it does not hold, and why was said. */
async function start(call: Call, { name, dir, forMs }: Wanted): Promise<ShadowInfo | undefined> {
  const { api, terminal } = call;
  const { commit, subject, files } = await readBranch(name, dir);
  const { intent, findings } = readIntent(files, clock.nowMs());
  if (intent === undefined) {
    terminal.findings(findings, files);
    terminal.err(`${name} does not hold, so nothing can be decided by it`);
    return undefined;
  }
  const body = { branch: name, commit, subject, forMs, by: userInfo().username };
  try {
    return (await api.post('/v1/shadow', { body })).shadow;
  } catch (error) {
    // Not pushed, or the control plane reads no repository: then it gets the files themselves.
    if (!(error instanceof ChanceryError) || error.code !== 'CH4242') throw error;
    const sent = { ...body, files: await filesToSend(files) };
    return (await api.post('/v1/shadow', { body: sent })).shadow;
  }
}

async function readBranch(name: string, dir: string) {
  if (!existsSync(dir)) throw usageError(`there is no folder ${dir}`);
  const repository = await repositoryFor(dir);
  if (!repository.ok) throw new ChanceryError(repository.error);
  const commit = await repository.value.resolve(name);
  if (!commit.ok) throw new ChanceryError(commit.error);
  if (commit.value === undefined) {
    throw usageError(`"${name}" is no branch, tag or commit of the repository in ${dir}`);
  }
  const [about, files] = await Promise.all([
    repository.value.commit(commit.value),
    repository.value.readTree(commit.value),
  ]);
  if (!about.ok) throw new ChanceryError(about.error);
  if (!files.ok) {
    const [first] = files.error;
    throw new ChanceryError(first ?? { code: 'CH4241', message: `${name} cannot be read` });
  }
  return { commit: commit.value, subject: about.value.subject, files: files.value };
}

const lookEveryMs = 2_000;

/** Says what is new in a line, and all of it at the end. */
async function watch(call: Call): Promise<ExitCode> {
  const { api, terminal, json } = call;
  let isOver = false;
  const over = untilSignal().then(() => {
    isOver = true;
  });
  let said = '';
  for (;;) {
    const { shadow: info } = await api.get('/v1/shadow');
    if (info === undefined) return 0;
    const line = agreementText(info);
    if (line !== said && !json) terminal.err(line);
    said = line;
    if (isOver || info.endedMs !== undefined) return tell(info, call);
    // A timer of the clock would not keep the process.
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((wake) => {
      timer = setTimeout(wake, lookEveryMs);
    });
    await Promise.race([pause, over]);
    clearTimeout(timer);
  }
}

function tell(info: ShadowInfo | undefined, { json, terminal }: Call): ExitCode {
  if (json) terminal.out(JSON.stringify(info ?? null));
  else if (info === undefined) terminal.out('nothing has ridden along yet');
  else terminal.out(shadowText(info, terminal));
  return exitCodeOf(info);
}

function exitCodeOf(info: ShadowInfo | undefined): ExitCode {
  if (info === undefined) return 0;
  const { newlyDenied, newlyAllowed, uncertain } = info.totals;
  if (newlyDenied > 0) return 3;
  return newlyAllowed + uncertain > 0 ? 2 : 0;
}

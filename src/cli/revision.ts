import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { layoutOf } from '../app/layout.ts';
import { systemClock } from '../base/clock.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { callApi } from '../serve/api/client.ts';
import { paths, type RevisionStepRequest, type RevisionsReply } from '../serve/api/wire.ts';
import { parseArguments, usageError } from './arguments.ts';
import { span } from './host-text.ts';
import type { ExitCode } from './main.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const usage = {
  usage: 'revision list|show|halt|resume|rollback [COMMIT] [DIR]',
  text: [
    'Commits on their way to all proxies: one proxy of each service that they touch, then a tenth, then all.',
    '',
    '  revision list [DIR]                 what came lately, and how far it got; 2: the last one was taken back or is halted',
    '  revision show COMMIT [DIR]          its waves, and who is in them',
    '  revision halt|resume [DIR]          nobody else gets the one that is under way, until you say',
    '  revision rollback [DIR]             everybody gets what ran before it; the same commit is not tried again',
  ].join('\n'),
  example: 'chancery revision rollback /srv/intent',
};

export async function revision(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [verb, ...rest] = parsed.positionals;
  const [commit, dir = '.', ...more] = verb === 'show' ? rest : ['', ...rest];
  if (more.length > 0) throw usageError('revision takes one folder', usage);
  const json = parsed.values['json'] === true;
  const socket = layoutOf(realpathSync(dir), process.env).controlSocket;
  switch (verb) {
    case 'list':
      return list(await read(socket), json, terminal);
    case 'show':
      if (commit === undefined) throw usageError('revision show needs a commit', usage);
      return show(await read(socket), commit, json, terminal);
    case 'halt':
    case 'resume':
    case 'rollback':
      return list(await step(socket, verb), json, terminal);
    default:
      throw usageError('revision is followed by list, show, halt, resume or rollback', usage);
  }
}

async function read(socket: string): Promise<RevisionsReply> {
  return (await callApi(socket, { method: 'GET', path: paths.revisions })) as RevisionsReply;
}

async function step(socket: string, verb: RevisionStepRequest['step']): Promise<RevisionsReply> {
  const body: RevisionStepRequest = { step: verb, by: userInfo().username };
  const call = { method: 'POST' as const, path: paths.revisionSteps, body };
  return (await callApi(socket, call)) as RevisionsReply;
}

const shown = 20;

function list({ revisions }: RevisionsReply, json: boolean, terminal: Terminal): ExitCode {
  const nowMs = systemClock.nowMs();
  if (json) terminal.out(JSON.stringify(revisions));
  else if (revisions.length === 0) terminal.out('no commit came since the control plane started');
  else {
    const header = ['commit', 'state', 'proxies', 'since', 'subject'];
    const rows = revisions.slice(0, shown).map((one) => row(one, nowMs, terminal));
    terminal.out(table({ header, rows, width: terminal.width }));
  }
  const kind = revisions[0]?.state.kind;
  return kind === 'taken-back' || kind === 'halted' ? 2 : 0;
}

function row(revision: Rollout, nowMs: number, terminal: Terminal): string[] {
  const { commit, subject, state, waves } = revision;
  return [
    commit.slice(0, 12),
    stateText(revision, terminal),
    String(waves.flat().length),
    `${span(nowMs - state.sinceMs)} ago`,
    subject,
  ];
}

function stateText({ state, waves }: Rollout, look: Pick<Terminal, 'color'>): string {
  const wave = 'wave' in state ? `wave ${state.wave + 1} of ${Math.max(1, waves.length)}` : '';
  switch (state.kind) {
    case 'pushing':
      return `${wave} is taking it`;
    case 'watching':
      return `${wave} is watched`;
    case 'halted':
      return paint(look, 'yellow', `halted at ${wave} by ${state.by}`);
    case 'live':
      return paint(look, 'green', 'live');
    case 'taken-back':
      return paint(look, 'red', `taken back: ${state.reason}`);
  }
}

function show(
  { revisions }: RevisionsReply,
  commit: string,
  json: boolean,
  terminal: Terminal,
): ExitCode {
  const found = revisions.find((one) => one.commit.startsWith(commit));
  if (found === undefined) throw usageError(`no revision ${commit} is known here`, usage);
  if (json) {
    terminal.out(JSON.stringify(found));
    return 0;
  }
  const rows = found.waves.map((wave, index) => [
    String(index + 1),
    String(wave.length),
    wave.join(', '),
  ]);
  terminal.out(
    [
      `${found.commit} ${found.subject}`,
      `  ${stateText(found, terminal)}; before it ran ${found.base.slice(0, 12)}`,
      '',
      rows.length === 0
        ? 'it changes nothing for any proxy'
        : table({ header: ['wave', 'proxies', 'who'], rows, width: terminal.width }),
    ].join('\n'),
  );
  return 0;
}

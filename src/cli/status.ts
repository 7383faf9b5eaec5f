import type { StatusReply } from '../client/gen/api.ts';
import { parseArguments, usageError } from './arguments.ts';
import { warned } from './ca-text.ts';
import { controlClient, targetHelp, targetOptions } from './control-target.ts';
import type { ExitCode } from './main.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const usage = {
  usage: 'status [DIR] [--json]',
  text: `${'Shows the proxies and workloads of a running mesh. 0: all in sync and ready, and nothing ends soon; 2: something is not.'}\n${targetHelp}`,
  example: 'chancery status examples/shop',
};

export async function status(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { ...targetOptions, json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [dir, ...more] = parsed.positionals;
  if (more.length > 0) throw usageError('status takes one folder', usage);
  const reply = await controlClient(parsed.values, dir).get('/v1/status');
  const fine =
    reply.workloads.every(isFine) &&
    reply.refused === undefined &&
    reply.waiting === undefined &&
    reply.warnings.length === 0;
  if (parsed.values['json'] === true) terminal.out(JSON.stringify(reply));
  else terminal.out(statusText(reply, dir ?? '.', terminal));
  return fine ? 0 : 2;
}

function isFine(one: StatusReply['workloads'][number]): boolean {
  return one.connected && one.inSync && one.rejected.length === 0 && one.workload.state === 'ready';
}

function statusText(reply: StatusReply, dir: string, terminal: Terminal): string {
  const rows = reply.workloads.map(({ workload, connected, inSync, rejected }) => [
    workload.service,
    workload.version,
    workload.host,
    paint(terminal, workload.state === 'ready' ? 'green' : 'yellow', workload.state),
    connected ? 'connected' : paint(terminal, 'red', 'away'),
    inSync ? 'in sync' : paint(terminal, 'yellow', 'behind'),
    rejected.map(({ resource, message }) => `${resource}: ${message}`).join('; '),
  ]);
  const header = ['service', 'version', 'host', 'state', 'proxy', 'configuration', 'refused'];
  const commit = `${reply.mesh} at ${reply.commit.slice(0, 12)} ${reply.subject}`;
  const refused =
    reply.refused === undefined
      ? []
      : [
          paint(
            terminal,
            'red',
            `refused: ${reply.refused.commit.slice(0, 12)} (${reply.refused.codes.join(', ')}); the commit above goes on`,
          ),
        ];
  return [
    commit,
    ...refused,
    ...waitingText(reply.waiting, dir, terminal),
    ...warned(reply.warnings, terminal),
    '',
    table({ header, rows, width: terminal.width }),
  ].join('\n');
}

function waitingText(waiting: StatusReply['waiting'], dir: string, terminal: Terminal): string[] {
  if (waiting === undefined) return [];
  const { commit, subject, codes } = waiting;
  const head = `waits for approval: ${commit.slice(0, 12)} ${subject} (${codes.join(', ')}); the commit above goes on`;
  return [paint(terminal, 'yellow', head), `  chancery approve ${commit.slice(0, 12)} ${dir}`];
}

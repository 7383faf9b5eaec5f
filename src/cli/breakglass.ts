import type { ApiClient } from '../client/client.ts';
import type { BreakglassReply, BreakglassStepReply } from '../client/gen/api.ts';
import { durationMsOf, subjectOf, usageError, type Values } from './arguments.ts';
import { listText, showText, stepText } from './breakglass-text.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { momentOf } from './moment-flag.ts';
import { whileWaiting } from './progress.ts';
import type { Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
  who: { type: 'string' },
  to: { type: 'string' },
  operation: { type: 'string', multiple: true },
  for: { type: 'string' },
  reason: { type: 'string' },
  ticket: { type: 'string' },
} as const;

type BreakglassValues = Values<typeof flags>;

export const breakglass = command({
  usage: 'breakglass grant|approve|list|show|revoke [ID] [DIR]',
  text: [
    'Access for a time, beside Git: no commit, no gate, no wave. It works when Git is down, and nobody can overlook it: it is in status, log and metrics, and each use leaves a record at the host that decided it, or does not go through.',
    '',
    '  breakglass grant [DIR] --who WHO --to SERVICE --for TIME --reason TEXT',
    ['  --who WHO', 'a service, role:NAME, person:NAME or spiffe://PARTNER/NAME'],
    ['  --to SERVICE', 'the service to be called'],
    [
      '  --operation "GET /a/**"',
      'only this, as `to` of a rule; may be given again; everything unless said',
    ],
    ['  --for 30m', 'how long; it then ends at every host by itself'],
    '    --reason TEXT, --ticket ID',
    ['breakglass approve ID [DIR]', 'the second operator, where mesh.yaml asks for two'],
    ['breakglass revoke ID [DIR]', 'ends it now, or takes back what waits'],
    ['breakglass list [DIR]', 'all of them, newest first'],
    ['breakglass show ID [DIR]', 'one of them'],
    [
      '  --at TIME',
      'list and show: as it was then; of what was over long ago, chancery log --kind breakglass',
    ],
    '',
    'A deny rule stays above every grant; the answer names those that do. Who may grant, for how long, and whether it takes two: `breakglass` in mesh.yaml. Each takes --json.',
    '0: done, and live at every host that is there; 2: done, and some host is behind, or it waits for a second operator.',
    ...targetHelp,
  ],
  examples: [
    'chancery breakglass grant /srv/intent --who support-console --to payments --operation "GET /v1/charges/**" --for 30m --reason "INC-211: refunds are stuck"',
  ],
  flags,
  run,
});

const forFlag = { flag: '--for', units: ['s', 'm', 'h'], suchAs: '30m or 1h' } as const;

interface Call {
  readonly api: ApiClient;
  readonly id: string;
  readonly values: BreakglassValues;
  readonly terminal: Terminal;
}

const subject = 'the id of a grant';
const verbs = {
  command: 'breakglass',
  verbs: { grant: undefined, approve: subject, list: undefined, show: subject, revoke: subject },
  flags: {
    at: ['list', 'show'],
    who: ['grant'],
    to: ['grant'],
    operation: ['grant'],
    for: ['grant'],
    reason: ['grant'],
    ticket: ['grant'],
  },
} as const;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, name: id, dir } = subjectOf({ positionals, values }, verbs);
  const call = { api: controlClient(values, dir), id, values, terminal };
  switch (verb) {
    case 'grant':
      return grant(call);
    case 'approve':
    case 'revoke':
      return step(call, verb);
    case 'list':
      return list(call);
    case 'show':
      return show(call);
  }
}

async function grant({ api, values, terminal }: Call): Promise<ExitCode> {
  const said = (name: 'who' | 'to' | 'for' | 'reason'): string => {
    const value = values[name];
    if (value !== undefined && value !== '') return value;
    throw usageError(`breakglass grant needs --${name}`);
  };
  const forMs = durationMsOf(forFlag, said('for'));
  const { operation, ticket } = values;
  const body = {
    ...{ who: said('who'), callee: said('to'), forMs, reason: said('reason') },
    ...(operation === undefined ? {} : { operations: operation.join('\n') }),
    ...(ticket === undefined ? {} : { ticket }),
  };
  const asked = api.post('/v1/breakglass', { body });
  return tell(await whileWaiting(terminal, 'until it is live', asked), values, terminal);
}

async function step(
  { api, id, values, terminal }: Call,
  verb: 'approve' | 'revoke',
): Promise<ExitCode> {
  const at = { path: { name: id }, body: {} };
  const asked =
    verb === 'approve'
      ? api.post('/v1/breakglass/{name}/approve', at)
      : api.post('/v1/breakglass/{name}/revoke', at);
  return tell(await whileWaiting(terminal, 'until it is live', asked), values, terminal);
}

function tell(reply: BreakglassStepReply, values: BreakglassValues, terminal: Terminal): ExitCode {
  terminal.out(values.json ? JSON.stringify(reply) : stepText(reply, terminal));
  const { reach } = reply;
  return reach !== undefined && reach.live === reach.hosts ? 0 : 2;
}

async function list({ api, values, terminal }: Call): Promise<ExitCode> {
  const reply = await api.get('/v1/breakglass', { query: atQuery(values) });
  terminal.out(values.json ? JSON.stringify(reply) : listText(reply, terminal));
  return 0;
}

async function show({ api, id, values, terminal }: Call): Promise<ExitCode> {
  const query = atQuery(values);
  const asked = { path: { name: id }, query };
  const reply: BreakglassReply = await api.get('/v1/breakglass/{name}', asked);
  terminal.out(values.json ? JSON.stringify(reply) : showText(reply, terminal));
  return 0;
}

function atQuery(values: BreakglassValues): { readonly at?: number } {
  const at = momentOf(values.at, '--at');
  return at === undefined ? {} : { at };
}

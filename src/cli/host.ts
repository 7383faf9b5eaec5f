import { userInfo } from 'node:os';
import { join } from 'node:path';
import { layoutOf } from '../app/layout.ts';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { ApiClient } from '../client/client.ts';
import { callApi } from '../serve/api/client.ts';
import { type AgentHealthReply, paths } from '../serve/api/wire.ts';
import { secondsOf, subjectOf, usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { folderNamed } from './folder.ts';
import { healthText, hostsText, hostText, isWell, tokenText } from './host-text.ts';
import { momentOf } from './moment-flag.ts';
import type { Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
  ttl: { type: 'string' },
  replace: { type: 'boolean' },
  reason: { type: 'string' },
  state: { type: 'string' },
} as const;

type HostValues = Values<typeof flags>;

export const host = command({
  usage: 'host list|show|token|ban|evict|health|ek [NAME] [DIR]',
  text: [
    'The machines of a running mesh, and how they come into it.',
    '',
    [
      'host list [DIR]',
      'every host: how it was admitted, whether it is here, whether it can renew; 2: one is not well',
    ],
    ['host show NAME [DIR]', 'one host: what it proved, what it holds, until when'],
    [
      'host token NAME [DIR]',
      'a token with which one machine joins as NAME, and the command to type there',
    ],
    [
      '  --ttl 1h',
      'how long it is good for; --replace: NAME is there already and this machine takes its place',
    ],
    [
      'host ban NAME [DIR]',
      'cut a host off within a second and keep it out; --reason TEXT is kept with it',
    ],
    [
      'host health [DIR]',
      'of this machine, asked of its own agent: can it renew what it holds; 2: it cannot',
    ],
    ['  --state DIR', 'the state folder of an agent that was started with --server'],
    [
      'host ek [--tcti TCTI]',
      'of this machine, without an agent: the hash of its TPM, and the lines of mesh.yaml that admit it',
    ],
    ['host evict NAME [DIR]', 'forget a host, or lift a ban: it has to prove itself anew'],
    '',
    '  list and show take --at TIME: as it was then, from the ledger. Which certificates a host held is not in it but in chancery log --subject SPIFFE-ID --at TIME. health and ek look at this machine as it is now. Each takes --json.',
    ...targetHelp,
  ],
  examples: ['chancery host token web-1 /srv/intent --ttl 30m'],
  flags,
  below: { ek: async () => (await import('./host-ek.ts')).hostEk },
  run,
});

interface Call {
  readonly api: ApiClient;
  readonly name: string;
  /** Undefined: as it is now. */
  readonly at: number | undefined;
  readonly values: HostValues;
  readonly terminal: Terminal;
}

const subject = 'the name of a host';
const verbs = {
  command: 'host',
  verbs: {
    ...{ list: undefined, show: subject, token: subject },
    ...{ ban: subject, evict: subject, health: undefined },
  },
  also: ['ek'],
  flags: {
    at: ['list', 'show'],
    reason: ['ban', 'evict'],
    ttl: ['token'],
    replace: ['token'],
    state: ['health'],
  },
} as const;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, name, dir } = subjectOf({ positionals, values }, verbs);
  if (verb === 'health') return health(dir ?? '.', values, terminal);
  const at = momentOf(values.at, '--at');
  const call = { api: controlClient(values, dir), name, at, values, terminal };
  switch (verb) {
    case 'list':
      return list(call);
    case 'show':
      return show(call);
    case 'token':
      return token(call);
    case 'ban':
    case 'evict':
      return step(call, verb);
  }
}

async function list({ api, at, values, terminal }: Call): Promise<ExitCode> {
  const reply = await api.get('/v1/hosts', { query: at === undefined ? {} : { at } });
  const nowMs = at ?? systemClock.nowMs();
  terminal.out(values.json ? JSON.stringify(reply) : hostsText(reply, nowMs, terminal));
  return reply.hosts.every((one) => isWell(one, nowMs)) ? 0 : 2;
}

async function show({ api, name, at, values, terminal }: Call): Promise<ExitCode> {
  const query = at === undefined ? {} : { at };
  const { hosts } = await api.get('/v1/hosts/{name}', { path: { name }, query });
  const [found] = hosts;
  if (found === undefined) throw new Error('the control plane left the host out');
  const nowMs = at ?? systemClock.nowMs();
  const text = hostText(found, { nowMs, isPast: at !== undefined }, terminal);
  terminal.out(values.json ? JSON.stringify(found) : text);
  return isWell(found, nowMs) ? 0 : 2;
}

async function step(
  { api, name, values, terminal }: Call,
  verb: 'ban' | 'evict',
): Promise<ExitCode> {
  const { reason } = values;
  if (verb === 'ban' && reason === undefined) {
    throw usageError('a ban needs its --reason: whoever looks at it at night will ask');
  }
  const body = { by: userInfo().username, reason: reason ?? '' };
  const reply = await api.post(`/v1/hosts/{name}/${verb}`, { path: { name }, body });
  const said = {
    ban: `banned: ${name} is cut off; chancery host evict ${name} lifts it`,
    evict: `evicted: ${name} has to prove itself anew`,
  };
  terminal.out(values.json ? JSON.stringify(reply) : said[verb]);
  return 0;
}

/** Asked of the agent itself, so that it answers also when the control plane is away. */
async function health(dir: string, values: HostValues, terminal: Terminal): Promise<ExitCode> {
  const { state } = values;
  const socket =
    state === undefined
      ? layoutOf(folderNamed(dir), process.env).agentSocket
      : join(state, 'agent.sock');
  const asked = callApi(socket, { method: 'GET', path: paths.agentHealth });
  const reply = (await asked.catch((error: unknown) => {
    throw agentIsAway(error, socket);
  })) as AgentHealthReply;
  const nowMs = systemClock.nowMs();
  terminal.out(values.json ? JSON.stringify(reply) : healthText(reply, nowMs, terminal));
  return reply.canRenew ? 0 : 2;
}

/** What is known of the control plane is no help: nobody asked it. */
function agentIsAway(error: unknown, socket: string): unknown {
  if (!(error instanceof ChanceryError) || error.code !== 'CH5402') return error;
  const message = `no agent answers on ${socket}`;
  const help =
    'chancery up DIR starts one; of an agent that was started with --server, --state names the folder';
  return new ChanceryError({ ...error.finding, message, help }, { cause: error });
}

const ttlUnlessSaid = '1h';

async function token({ api, name, values, terminal }: Call): Promise<ExitCode> {
  const body = {
    host: name,
    ttlSeconds: secondsOf('--ttl', values.ttl ?? ttlUnlessSaid),
    replaces: values.replace === true,
    by: userInfo().username,
  };
  const reply = await api.post('/v1/join-tokens', { body });
  terminal.out(values.json ? JSON.stringify(reply) : tokenText(name, reply, terminal));
  return 0;
}

import { rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { timeText } from '../base/time-text.ts';
import type { ApiClient } from '../client/client.ts';
import type { ApiTokenInfo, ApiTokenReply, ApiTokensReply } from '../client/gen/api.ts';
import { replaceDurably } from '../store/durable-file.ts';
import { secondsOf, subjectOf, usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { momentOf } from './moment-flag.ts';
import { spare, table } from './table.ts';
import type { Terminal } from './terminal.ts';

type Role = ApiTokenInfo['role'];

const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
  role: { type: 'string' },
  ttl: { type: 'string' },
  out: { type: 'string' },
  'ca-out': { type: 'string' },
} as const;

type TokenValues = Values<typeof flags>;

export const token = command({
  usage: 'token create|list|revoke [NAME] [DIR]',
  text: [
    "Tokens for the operators' API of a control plane over TCP (server --api-port).",
    '',
    ['token create NAME [DIR] --role ROLE', 'a token for one person or program; it is shown once'],
    ['  --role ROLE', `${roles.join(', ')}; each may do what those before it may`],
    ['  --ttl 30d', 'how long it is good for; 30d unless said, at most 365d'],
    ['  --out FILE', 'write it there, for its owner only, instead of showing it'],
    ['  --ca-out FILE', 'also write the roots of the mesh, for --ca-file'],
    ['token list [DIR]', 'all of them; their secrets are kept nowhere'],
    ['  --at TIME', 'those that were good then'],
    [
      'token revoke NAME [DIR]',
      'from the next call on it is nobody, and what it follows ends within a second',
    ],
    '',
    'Each takes --json.',
    ...targetHelp,
  ],
  examples: ['chancery token create deploy-bot /srv/intent --role operator --out deploy-bot.token'],
  flags,
  run,
});

interface Call {
  readonly api: ApiClient;
  readonly name: string;
  readonly values: TokenValues;
  readonly terminal: Terminal;
}

const subject = 'the name of a token';
const verbs = {
  command: 'token',
  verbs: { create: subject, list: undefined, revoke: subject },
  flags: {
    at: ['list'],
    role: ['create'],
    ttl: ['create'],
    out: ['create'],
    'ca-out': ['create'],
  },
} as const;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, name, dir } = subjectOf({ positionals, values }, verbs);
  const call = { api: controlClient(values, dir), name, values, terminal };
  return { create, list, revoke }[verb](call);
}

const ttlUnlessSaid = '30d';

/** Throws what keeps a file from being written; leaves no trace. */
function tryToWrite(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw usageError(`"${path}" is a folder`);
  }
  const attempt = `${path}.${process.pid}`;
  writeFileSync(attempt, '', { flag: 'wx', mode: 0o600 });
  rmSync(attempt);
}

async function create({ api, name, values, terminal }: Call): Promise<ExitCode> {
  const role = roles.find((one) => one === values.role);
  if (role === undefined) throw usageError(`--role is one of ${roles.join(', ')}`);
  const ttlSeconds = secondsOf('--ttl', values.ttl ?? ttlUnlessSaid);
  const body = { name, role, ttlSeconds, by: userInfo().username };
  const { out, 'ca-out': caOut } = values;
  // The token is shown once: where it cannot be kept, none is made.
  for (const file of [out, caOut]) if (file !== undefined) tryToWrite(file);
  const reply = await api.post('/v1/tokens', { body });
  if (out !== undefined) replaceDurably(out, `${reply.token}\n`);
  if (caOut !== undefined) replaceDurably(caOut, reply.bundlePem);
  const { token: secret, ...others } = reply;
  const shown = out === undefined ? { token: secret, ...others } : others;
  terminal.out(values.json ? JSON.stringify(shown) : createdText(name, role, reply, out));
  return 0;
}

function createdText(
  name: string,
  role: Role,
  { token: secret, endsMs }: ApiTokenReply,
  out: string | undefined,
): string {
  const where = out === undefined ? secret : `it is in ${out}`;
  return [`${name}: ${role} until ${timeText(endsMs)}`, where].join('\n');
}

async function list({ api, values, terminal }: Call): Promise<ExitCode> {
  const at = momentOf(values.at, '--at');
  const reply = await api.get('/v1/tokens', { query: at === undefined ? {} : { at } });
  terminal.out(values.json ? JSON.stringify(reply) : listText(reply, terminal));
  return 0;
}

function listText({ tokens }: ApiTokensReply, terminal: Terminal): string {
  if (tokens.length === 0) return 'there are no tokens';
  const rows = tokens.map(({ name, role, madeMs, endsMs, by }) => [
    ...[name, role, timeText(madeMs), timeText(endsMs), by],
  ]);
  return table({
    header: ['name', 'role', spare('made'), 'ends', 'by'],
    rows,
    width: terminal.width,
  });
}

async function revoke({ api, name, values, terminal }: Call): Promise<ExitCode> {
  const body = { by: userInfo().username };
  const reply = await api.post('/v1/tokens/{name}/revoke', { path: { name }, body });
  terminal.out(values.json ? JSON.stringify(reply) : `revoked: ${name}`);
  return 0;
}

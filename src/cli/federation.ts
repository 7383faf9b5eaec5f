import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import type { ApiClient } from '../client/client.ts';
import type { FederationReply } from '../client/gen/api.ts';
import { subjectOf } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { listText, peersYaml, refreshedText, showText } from './federation-text.ts';
import { momentOf } from './moment-flag.ts';
import { whileWaiting } from './progress.ts';
import type { Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
  host: { type: 'string' },
} as const;

export const federation = command({
  usage: 'federation list|show|refresh [DIR]',
  text: [
    'The trust domains that a running mesh federates with (`peers` in mesh.yaml).',
    '',
    [
      'federation list [DIR]',
      'each peer, its bundle, how fresh it is and why not; 2: one of them fails',
    ],
    [
      'federation show [DIR]',
      'the own bundle, the ID of its endpoint, and the `peers:` entry that a partner needs',
    ],
    ['  --host NAME', 'the name that partners reach the endpoint by; this machine when left out'],
    ['federation refresh NAME [DIR]', 'fetch the bundle of a peer now and wait; 2: it failed'],
    '',
    'Each takes --json; list and show --at TIME: as it was then, without when a bundle was fetched and would be next.',
    ...targetHelp,
  ],
  examples: ['chancery federation refresh partner.test examples/shop'],
  flags,
  run,
});

const verbs = {
  command: 'federation',
  verbs: { list: undefined, show: undefined, refresh: 'the trust domain of a peer' },
  flags: { at: ['list', 'show'], host: ['show'] },
} as const;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { verb, name, dir } = subjectOf({ positionals, values }, verbs);
  const json = values.json === true;
  const host = values.host;
  const at = momentOf(values.at, '--at');
  const api = (): ApiClient => controlClient(values, dir);
  const known = (): Promise<FederationReply> =>
    api().get('/v1/federation', { query: at === undefined ? {} : { at } });
  switch (verb) {
    case 'list':
      return list((await known()).peers, { atMs: at, json }, terminal);
    case 'show':
      return show(await known(), host ?? hostname(), json, terminal);
    case 'refresh':
      return refresh(api(), name, json, terminal);
  }
}

function list(
  peers: FederationReply['peers'],
  { atMs, json }: { readonly atMs: number | undefined; readonly json: boolean },
  terminal: Terminal,
): ExitCode {
  const when = { nowMs: atMs ?? systemClock.nowMs(), isPast: atMs !== undefined };
  terminal.out(json ? JSON.stringify(peers) : listText(peers, when, terminal));
  return peers.some(({ state }) => state === 'failing') ? 2 : 0;
}

function show(reply: FederationReply, host: string, json: boolean, terminal: Terminal): ExitCode {
  const { trustDomain, endpoint, document } = reply;
  const peers = endpoint === undefined ? undefined : peersYaml(reply, endpoint, host);
  const bundle: unknown = JSON.parse(document);
  const value = { trustDomain, endpoint, bundle, peers };
  terminal.out(json ? JSON.stringify(value) : showText(reply, peers));
  return 0;
}

async function refresh(
  api: ApiClient,
  trustDomain: string,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const fetching = api.post('/v1/federation/refresh', { body: { trustDomain } });
  const reply = await whileWaiting(terminal, `fetching the bundle of ${trustDomain}`, fetching);
  if (json) terminal.out(JSON.stringify(reply));
  else if (reply.problem === undefined) terminal.out(refreshedText(reply));
  else terminal.findings([reply.problem]);
  return reply.problem === undefined ? 0 : 2;
}

import { placeText } from '../base/place-text.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { ApiClient } from '../client/client.ts';
import type { ProxyReply, ProxyResource } from '../client/gen/api.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { span } from './host-text.ts';
import { momentOf } from './moment-flag.ts';
import { spare, table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  at: { type: 'string' },
} as const;

export const proxy = command({
  usage: 'proxy PROXY [DIR] [--at TIME] [--json]',
  text: [
    'What a proxy runs, or ran at a time, and the lines and the commit that made it: the first line, and as +N how many others had a part in it (--json has all). Each route of what it calls has its own line.',
    '0: it has taken all that is meant for it; 2: it refused something, waits for something, or is away.',
    'TIME: 14:02, "yesterday 14:02", "10m ago", 2026-03-01T14:02:00Z.',
    ...targetHelp,
  ],
  examples: ['chancery proxy payments-v1 examples/shop --at "yesterday 14:02"'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [name, dir, ...more] = positionals;
  if (name === undefined || more.length > 0) throw usageError('proxy takes one name');
  const api = controlClient(values, dir);
  const reply = await proxyReply(api, name, momentOf(values.at, '--at'));
  if (values.json) terminal.out(JSON.stringify(reply));
  else terminal.out(proxyText(reply, terminal));
  const fine = reply.resources.every(({ state }) => state === 'accepted');
  return fine && reply.kind === 'connected' ? 0 : 2;
}

export async function proxyReply(
  api: ApiClient,
  name: string,
  atMs: number | undefined,
): Promise<ProxyReply> {
  const query = atMs === undefined ? {} : { at: atMs };
  return api.get('/v1/proxies/{name}', { path: { name }, query });
}

export function proxyText(reply: ProxyReply, terminal: Pick<Terminal, 'color' | 'width'>): string {
  const { proxy: name, atMs, kind, sinceMs, resources } = reply;
  const hue = kind === 'connected' ? 'green' : 'yellow';
  const byType = Map.groupBy(
    resources.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    ({ type }) => type,
  );
  const rows = [...byType].flatMap(([type, all]) => [
    [paint(terminal, 'bold', type)],
    ...all.flatMap((one) => [
      [
        `  ${one.name}`,
        paint(terminal, one.state === 'accepted' ? 'green' : 'red', one.state),
        one.sinceMs === undefined ? '' : span(atMs - one.sinceMs),
        placesText(one),
        shortCommit(one.commit ?? ''),
        one.version.slice(0, 8),
      ],
      ...partRows(one),
    ]),
  ]);
  // The version is for scripts.
  const header = ['resource', 'state', 'for', 'from', 'commit', spare('version')];
  const refusals = resources.flatMap((one) =>
    one.message === undefined
      ? []
      : ['', `${paint(terminal, 'red', `refused ${one.type} ${one.name}`)}: ${one.message}`],
  );
  return fitted(
    [
      `${name} at ${timeText(atMs)}: ${paint(terminal, hue, kind)} for ${span(atMs - sinceMs)}`,
      '',
      table({ header, rows, width: terminal.width }),
      ...refusals,
    ].join('\n'),
    terminal.width,
  );
}

/** Each route, with the entry of `routes:` that it comes from, or the file that says nothing of them. */
function partRows({ from }: ProxyResource): string[][] {
  return from.flatMap((at) =>
    at.part === undefined ? [] : [[`    ${at.part}`, '', '', placeText(at)]],
  );
}

/** The most specific place, and how many others had a part in it; --json has all. Parts have rows of their own. */
function placesText({ from: [first, ...more] }: ProxyResource): string {
  if (first === undefined) return '';
  const others = first.part === undefined ? more.filter(({ part }) => part === undefined) : [];
  return others.length === 0 ? placeText(first) : `${placeText(first)} +${others.length}`;
}

function keyOf({ type, name, state }: ProxyResource): string {
  return `${type} ${name} ${state}`;
}

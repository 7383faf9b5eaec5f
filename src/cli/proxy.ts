import { realpathSync } from 'node:fs';
import { layoutOf } from '../app/layout.ts';
import { systemClock } from '../base/clock.ts';
import { timeText } from '../base/time-text.ts';
import { callApi } from '../serve/api/client.ts';
import type { ProxyReply, ProxyResource } from '../serve/api/ledger-wire.ts';
import { paths } from '../serve/api/wire.ts';
import { parseArguments, usageError } from './arguments.ts';
import { span } from './host-text.ts';
import type { ExitCode } from './main.ts';
import { parseMoment } from './moment.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

const usage = {
  usage: 'proxy PROXY [DIR] [--at TIME] [--json]',
  text: [
    'What a proxy runs, or ran at a time, and the lines and the commit that made it.',
    '0: it has taken all that is meant for it; 2: it refused something, waits for something, or is away.',
    'TIME: 14:02, "yesterday 14:02", "10m ago", 2026-03-01T14:02:00Z.',
  ].join('\n'),
  example: 'chancery proxy payments-v1 examples/shop --at "yesterday 14:02"',
};

export async function proxy(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const options = { json: { type: 'boolean' }, at: { type: 'string' } } as const;
  const parsed = parseArguments(args, options, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [name, dir = '.', ...more] = parsed.positionals;
  if (name === undefined || more.length > 0) throw usageError('proxy takes one name', usage);
  const reply = await proxyReply(dir, name, momentOf(parsed.values['at'], '--at', usage));
  if (parsed.values['json'] === true) terminal.out(JSON.stringify(reply));
  else terminal.out(proxyText(reply, terminal));
  const fine = reply.resources.every(({ state }) => state === 'accepted');
  return fine && reply.kind === 'connected' ? 0 : 2;
}

/** Undefined when it was not given. */
export function momentOf(value: unknown, flag: string, help: typeof usage): number | undefined {
  if (typeof value !== 'string') return undefined;
  const moment = parseMoment(value, systemClock.nowMs());
  if (!moment.ok) throw usageError(`${flag}: ${moment.error}`, help);
  return moment.value;
}

export async function proxyReply(
  dir: string,
  name: string,
  atMs: number | undefined,
): Promise<ProxyReply> {
  const { controlSocket } = layoutOf(realpathSync(dir), process.env);
  const at = atMs === undefined ? '' : `?at=${atMs}`;
  const path = `${paths.proxies}/${encodeURIComponent(name)}${at}`;
  return (await callApi(controlSocket, { method: 'GET', path })) as ProxyReply;
}

export function proxyText(reply: ProxyReply, terminal: Pick<Terminal, 'color' | 'width'>): string {
  const { proxy: name, atMs, kind, sinceMs, resources } = reply;
  const hue = kind === 'connected' ? 'green' : 'yellow';
  const rows = resources
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .map((one) => [
      one.type,
      one.name,
      one.version.slice(0, 8),
      paint(terminal, one.state === 'accepted' ? 'green' : 'red', one.state),
      one.sinceMs === undefined ? '' : span(atMs - one.sinceMs),
      one.from[0] === undefined ? '' : `${one.from[0].file}:${one.from[0].line}`,
      (one.commit ?? '').slice(0, 12),
    ]);
  const header = ['type', 'name', 'version', 'state', 'for', 'from', 'commit'];
  const refusals = resources.flatMap((one) =>
    one.message === undefined
      ? []
      : ['', `${paint(terminal, 'red', `refused ${one.type} ${one.name}`)}: ${one.message}`],
  );
  return [
    `${name} at ${timeText(atMs)}: ${paint(terminal, hue, kind)} for ${span(atMs - sinceMs)}`,
    '',
    table({ header, rows, width: terminal.width }),
    ...refusals,
  ].join('\n');
}

function keyOf({ type, name, state }: ProxyResource): string {
  return `${type} ${name} ${state}`;
}

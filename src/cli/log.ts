import { realpathSync } from 'node:fs';
import { layoutOf } from '../app/layout.ts';
import { timeText } from '../base/time-text.ts';
import { auditText } from '../explain/audit.ts';
import { callApi } from '../serve/api/client.ts';
import type { LedgerReply } from '../serve/api/ledger-wire.ts';
import { paths } from '../serve/api/wire.ts';
import { parseArguments, usageError, type Values } from './arguments.ts';
import type { ExitCode } from './main.ts';
import { momentOf } from './proxy.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

const usage = {
  usage: 'log [DIR] [--kind K] [--subject S] [--since TIME] [--at TIME] [--limit N] [--json]',
  text: [
    'The ledger in words, newest last: commits, what proxies took and refused, endpoints, certificates, hosts, the CA, and who did it.',
    'S is a proxy, a commit, a host or a SPIFFE ID; --kind may be given more than once; --at TIME ends with what was known then.',
  ].join('\n'),
  example: 'chancery log examples/shop --subject payments-v1 --since "1h ago"',
};

const limitUnlessSaid = '50';
const linesMax = 1_000;

export async function log(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const text = { type: 'string' } as const;
  const flags = { json: { type: 'boolean' }, kind: { ...text, multiple: true } } as const;
  const options = { ...flags, subject: text, since: text, at: text, limit: text };
  const parsed = parseArguments(args, options, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [dir = '.', ...more] = parsed.positionals;
  if (more.length > 0) throw usageError('log takes one folder', usage);
  const query = queryOf(parsed.values);
  const { controlSocket } = layoutOf(realpathSync(dir), process.env);
  const path = `${paths.ledger}?${query}`;
  const { entries } = (await callApi(controlSocket, { method: 'GET', path })) as LedgerReply;
  const oldestFirst = entries.toReversed();
  if (parsed.values['json'] === true) {
    for (const one of oldestFirst) terminal.out(JSON.stringify(one));
    return 0;
  }
  const rows = oldestFirst.map((one) => [
    timeText(one.atMs),
    one.kind,
    /^[0-9a-f]{40,64}$/.test(one.subject) ? one.subject.slice(0, 12) : one.subject,
    auditText(one).replaceAll('\n', ' '),
  ]);
  const header = ['time', 'kind', 'subject', 'what'];
  terminal.out(table({ header, rows, width: terminal.width }));
  return 0;
}

function queryOf(values: Values): URLSearchParams {
  const limit = Number(values['limit'] ?? limitUnlessSaid);
  if (!Number.isInteger(limit) || limit < 1 || limit > linesMax) {
    throw usageError(`--limit is a number from 1 to ${linesMax}`, usage);
  }
  const query = new URLSearchParams({ limit: String(limit) });
  for (const kind of [values['kind'] ?? []].flat()) query.append('kind', String(kind));
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) query.set(name, String(value));
  };
  set('subject', values['subject'] as string | undefined);
  set('since', momentOf(values['since'], '--since', usage));
  set('until', momentOf(values['at'], '--at', usage));
  return query;
}

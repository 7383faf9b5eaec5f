import { realpathSync } from 'node:fs';
import { firstControlPlanePort } from '../app/host-plan.ts';
import { layoutOf } from '../app/layout.ts';
import { startServer } from '../app/server.ts';
import { systemClock } from '../base/clock.ts';
import { jsonLog } from '../base/log.ts';
import { parseArguments, usageError } from './arguments.ts';
import type { ExitCode } from './main.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

const usage = {
  usage: 'server --dir DIR [--port N] [--store ADDRESS] [--dev]',
  text: 'Runs the control plane of an intent folder until SIGTERM. The store is a SQLite file in DIR/.chancery, or\nwhat --store or CHANCERY_STORE names: postgres://USER@HOST/DATABASE (password: PGPASSWORD or ~/.pgpass).',
  example: 'chancery server --dir /srv/intent',
};

export async function server(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const options = {
    dir: { type: 'string' },
    port: { type: 'string' },
    store: { type: 'string' },
    dev: { type: 'boolean' },
  } as const;
  const parsed = parseArguments(args, options, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const { dir, port } = parsed.values;
  if (typeof dir !== 'string') throw usageError('server needs --dir', usage);
  const { store = process.env['CHANCERY_STORE'] } = parsed.values;
  const stop = await startServer({
    layout: layoutOf(realpathSync(dir), process.env),
    dev: parsed.values['dev'] === true,
    port: typeof port === 'string' ? Number(port) : firstControlPlanePort,
    store: typeof store === 'string' ? store : undefined,
    log: jsonLog('server', systemClock, (line) => void process.stderr.write(line)),
  });
  await untilSignal();
  await stop();
  return 0;
}

import type { DeskAddress } from '../agent/desk-pool.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { joinFlags, keepHelp, proofHelp, runJoined } from './join.ts';

const stateUnlessSaid = '/var/lib/chancery-authz';
const listenUnlessSaid = '0.0.0.0:15012';

export const authzFlags = { ...joinFlags, listen: { type: 'string' } } as const;

export const authz = command({
  usage: 'authz --server HOST:PORT --root SHA256 PROOF [--listen ADDRESS:PORT]',
  text: [
    'Runs one policy desk of a pool until SIGTERM: it decides for proxies of other hosts what they would ask the agent of their own. It joins the mesh as a host without workloads; `desk: { pool: { HOST: ADDRESS:PORT } }` in mesh.yaml names it, and with `defaults: { desk: pool }` proxies ask it. Its log is JSON, a line for each thing that happened, on standard error.',
    '',
    ['--listen ADDRESS:PORT', `where proxies reach it; ${listenUnlessSaid} unless said`],
    ...proofHelp,
    [
      '--state DIR',
      `where it keeps what it holds, sealed, and its decision log; ${stateUnlessSaid} unless said`,
    ],
    ...keepHelp,
  ],
  examples: [
    'chancery authz --server mesh.example.com:15011 --root 9f2c… --join-token-file /etc/chancery/token --listen 10.0.0.5:15012',
  ],
  flags: authzFlags,
  run,
});

async function run({ positionals, values }: Called<typeof authzFlags>): Promise<ExitCode> {
  if (positionals.length > 0) throw usageError('authz takes flags only');
  const pool = addressOf(values.listen ?? listenUnlessSaid);
  await runJoined(values, { component: 'authz', stateUnlessSaid, pool });
  return 0;
}

function addressOf(text: string): DeskAddress {
  const [, address, digits] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (address === undefined || !(port > 0 && port <= 65_535)) {
    throw usageError('--listen is ADDRESS:PORT');
  }
  return { address: address.replace(/^\[(.*)\]$/, '$1'), port };
}

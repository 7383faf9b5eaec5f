import type { StatusReply } from '../client/gen/api.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { momentOf } from './moment-flag.ts';
import { whileWaiting } from './progress.ts';
import { isFine, statusText } from './status-text.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  all: { type: 'boolean' },
  at: { type: 'string' },
} as const;

export const status = command({
  usage: 'status [DIR] [--at TIME] [--all] [--json]',
  text: [
    'How a running mesh is: what needs a person first, then each workload and its proxy.',
    '0: every proxy has all that is meant for it, every workload is ready, and nothing ends soon; 2: something is not so.',
    '',
    [
      '--at TIME',
      'as it was then, from the ledger: the commit, the proxies, what they refused. Not recorded, and so not shown: what was on its way to a proxy, what was withheld, warnings',
    ],
    ['--all', 'also the workloads that are fine, where there are many'],
    ...targetHelp,
  ],
  examples: ['chancery status examples/shop --at "10m ago"'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (more.length > 0) throw usageError('status takes one folder');
  const at = momentOf(values.at, '--at');
  const query = at === undefined ? {} : { at };
  const asking = controlClient(values, dir).get('/v1/status', { query });
  const reply = await whileWaiting(terminal, 'asking the control plane', asking);
  const all = values.all === true;
  if (values.json) terminal.out(JSON.stringify(reply));
  else terminal.out(statusText(reply, { dir: dir ?? '', all }, terminal));
  return isWell(reply) ? 0 : 2;
}

function isWell({ workloads, refused, waiting, warnings, withheld }: StatusReply): boolean {
  const isQuiet = refused === undefined && waiting === undefined && warnings.length === 0;
  return isQuiet && withheld.length === 0 && workloads.every(isFine);
}

import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { joinFlags, keepHelp, proofHelp, runJoined } from './join.ts';

const stateUnlessSaid = '/var/lib/chancery';
const socketUnlessSaid = '/run/chancery/workload.sock';

export const agentFlags = { ...joinFlags, socket: { type: 'string' } } as const;

export const agent = command({
  usage: 'agent --server HOST:PORT --root SHA256 PROOF | --host-file FILE',
  text: [
    'Runs the agent of this host until SIGTERM: identities of its processes, policy desk and readiness of its workloads. Its log is JSON, a line for each thing that happened, on standard error.',
    '',
    ...proofHelp,
    ['--state DIR', `where it keeps what it holds, sealed; ${stateUnlessSaid} unless said`],
    [
      '--socket PATH',
      `the Workload API and SDS for every process here; ${socketUnlessSaid} unless said`,
    ],
    ...keepHelp,
  ],
  examples: [
    'chancery agent --server mesh.example.com:15011 --root 9f2c… --join-token-file /etc/chancery/token',
  ],
  flags: agentFlags,
  run,
});

async function run({ positionals, values }: Called<typeof agentFlags>): Promise<ExitCode> {
  if (positionals.length > 0) throw usageError('agent takes flags only');
  const { socket = socketUnlessSaid } = values;
  await runJoined(values, { component: 'agent', stateUnlessSaid, workloadSocket: socket });
  return 0;
}

import { type Help, parseArguments, usageError } from './arguments.ts';
import { helpFor } from './help-text.ts';
import { joinFlags, keepHelp, proofHelp, runJoined } from './join.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';

const stateUnlessSaid = '/var/lib/chancery';
const socketUnlessSaid = '/run/chancery/workload.sock';

const usage: Help = {
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
};

export const agentOptions = { ...joinFlags, socket: { type: 'string' } } as const;

export async function agent(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, agentOptions, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  if (parsed.positionals.length > 0) throw usageError('agent takes flags only', usage);
  const { socket = socketUnlessSaid } = parsed.values;
  await runJoined(parsed.values, usage, {
    ...{ component: 'agent', stateUnlessSaid, workloadSocket: String(socket) },
  });
  return 0;
}

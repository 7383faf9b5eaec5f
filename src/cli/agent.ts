import { Agent } from '../agent/agent.ts';
import { systemClock } from '../base/clock.ts';
import { jsonLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { parseArguments, usageError } from './arguments.ts';
import type { ExitCode } from './main.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

const usage = {
  usage: 'agent --host-file FILE',
  text: 'Runs the agent of this host until SIGTERM: identities, policy desk and readiness of its workloads.',
  example: 'chancery agent --host-file .chancery/host.json',
};

export async function agent(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { 'host-file': { type: 'string' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const hostFile = parsed.values['host-file'];
  if (typeof hostFile !== 'string') throw usageError('agent needs --host-file', usage);
  const running = new Agent({
    hostFile,
    clock: systemClock,
    random: systemRandom,
    log: jsonLog('agent', systemClock, (line) => void process.stderr.write(line)),
  });
  const ended = running.run();
  await untilSignal();
  running.stop();
  await ended;
  return 0;
}

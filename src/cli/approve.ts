import { userInfo } from 'node:os';
import { type Help, parseArguments, usageError } from './arguments.ts';
import { commitNamed } from './commit-name.ts';
import { controlClient, targetHelp, targetOptions } from './control-target.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
import { whileWaiting } from './progress.ts';
import type { Terminal } from './terminal.ts';
import { reportVerdict } from './verdict-text.ts';

const usage: Help = {
  usage: 'approve COMMIT [DIR] [--json]',
  text: [
    'Lets a commit through that waits because it takes away what may still be needed (CH4206 to CH4208). It passes every gate again first. A commit whose message ends in the trailer `Chancery-Approve: removal` does not wait.',
    'COMMIT is an id or the beginning of one, or HEAD or a branch of the repository in DIR. 0: accepted; 2: refused after all.',
    ...targetHelp,
  ],
  examples: ['chancery approve 4f2a91c examples/shop'],
};

export async function approve(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { ...targetOptions, json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  const [name, dir, ...more] = parsed.positionals;
  if (name === undefined || name === '' || more.length > 0)
    throw usageError('approve takes a commit', usage);
  const api = controlClient(parsed.values, dir);
  const commit = (await commitNamed(name, dir)) ?? name;
  const body = { commit, by: userInfo().username };
  const passing = api.post('/v1/approvals', { body });
  const reply = await whileWaiting(terminal, 'it passes every gate again', passing);
  if (parsed.values['json'] === true) terminal.out(JSON.stringify(reply));
  else reportVerdict(reply, dir ?? '', terminal);
  return reply.verdict.kind === 'accepted' ? 0 : 2;
}

import { userInfo } from 'node:os';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { commitNamed } from './commit-name.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { whileWaiting } from './progress.ts';
import { reportVerdict } from './verdict-text.ts';

const flags = { ...targetFlags, json: { type: 'boolean' } } as const;

export const approve = command({
  usage: 'approve COMMIT [DIR] [--json]',
  text: [
    'Lets a commit through that waits because it takes away what may still be needed (CH4206 to CH4208). It passes every gate again first. A commit whose message ends in the trailer `Chancery-Approve: removal` does not wait.',
    'COMMIT is an id or the beginning of one, or HEAD or a branch of the repository in DIR. 0: accepted; 2: refused after all.',
    ...targetHelp,
  ],
  examples: ['chancery approve 4f2a91c examples/shop'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [name, dir, ...more] = positionals;
  if (name === undefined || name === '' || more.length > 0)
    throw usageError('approve takes a commit');
  const api = controlClient(values, dir);
  const commit = (await commitNamed(name, dir)) ?? name;
  const body = { commit, by: userInfo().username };
  const passing = api.post('/v1/approvals', { body });
  const reply = await whileWaiting(terminal, 'it passes every gate again', passing);
  if (values.json) terminal.out(JSON.stringify(reply));
  else reportVerdict(reply, dir ?? '', terminal);
  return reply.verdict.kind === 'accepted' ? 0 : 2;
}

import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { layoutOf } from '../app/layout.ts';
import { callApi } from '../serve/api/client.ts';
import { paths } from '../serve/api/wire.ts';
import type { ApprovalRequest, CommitVerdict } from '../serve/api/wire-gate.ts';
import { parseArguments, usageError } from './arguments.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';
import { reportVerdict } from './verdict-text.ts';

const usage = {
  usage: 'approve COMMIT [DIR]',
  text: [
    'Lets a commit through that waits because it takes away what may still be needed (CH4206 to CH4208). It passes every',
    'gate again first. A commit whose message ends in the trailer `Chancery-Approve: removal` does not wait.',
    'COMMIT is an id or the beginning of one. 0: accepted; 2: refused after all.',
  ].join('\n'),
  example: 'chancery approve 4f2a91c examples/shop',
};

export async function approve(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [commit, dir = '.', ...more] = parsed.positionals;
  if (commit === undefined || more.length > 0) throw usageError('approve takes a commit', usage);
  const { controlSocket } = layoutOf(realpathSync(dir), process.env);
  const body: ApprovalRequest = { commit, by: userInfo().username };
  const call = { method: 'POST' as const, path: paths.approvals, body };
  const reply = (await callApi(controlSocket, call)) as CommitVerdict;
  if (parsed.values['json'] === true) terminal.out(JSON.stringify(reply));
  else reportVerdict(reply, dir, terminal);
  return reply.verdict.kind === 'accepted' ? 0 : 2;
}

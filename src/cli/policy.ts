import { usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { targetFlags, targetHelp } from './control-target.ts';
import { policyDiff } from './policy-diff.ts';
import { policySuggest } from './policy-suggest.ts';
import { policyUnused } from './policy-unused.ts';
import type { Terminal } from './terminal.ts';

const flags = {
  ...targetFlags,
  since: { type: 'string' },
  format: { type: 'string' },
  branch: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** What a verb of `policy` was called with. */
export interface PolicyCall {
  readonly words: readonly string[];
  readonly values: Values<typeof flags>;
  readonly terminal: Terminal;
}

export const policy = command({
  usage: 'policy diff|unused|suggest … [DIR] [--since 7d] [--json]',
  text: [
    'What a change of rules means, which rules nobody needs, and which ones traffic would need.',
    '',
    [
      'policy diff A..B [DIR]',
      'what B permits and A does not, and the other way, exactly, whatever the traffic; and what it would mean for the traffic that was recorded. Also A B, or B alone: against what runs',
    ],
    ['  --format markdown', 'for a comment on a pull request'],
    '    0: nothing changes; 2: something does; 3: it would deny traffic that was seen; 1: it cannot be told',
    ['policy unused [DIR]', 'rules that no request met since then'],
    '    0: there is none; 2: there is; 1: it cannot be told',
    [
      'policy suggest SERVICE [DIR]',
      'the least that recorded traffic needs, as rules; prints them',
    ],
    [
      '  --branch NAME',
      'makes a commit of them on a new branch; no file and no other branch changes',
    ],
    '',
    [
      '--since TIME',
      'traffic since then (7d, yesterday 14:02, …); 7d unless said, and at most 8d are kept',
    ],
    '  A and B are commits of the repository in DIR (an id, a branch, a tag, HEAD~1), or times at which the mesh ran: they stand in place of --at. unused and suggest look at the traffic up to now.',
    '  Recorded is what the agents of `up` read in the access logs of their proxies: caller, method, path with ids as *, and the rule; no header, no token and no body. What hangs on those is uncertain.',
    ...targetHelp,
  ],
  examples: [
    'chancery policy diff main..tighten-payments /srv/intent',
    'chancery policy suggest payments /srv/intent --branch least-payments',
  ],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [verb, ...words] = positionals;
  const call = { words, values: values, terminal };
  switch (verb) {
    case 'diff':
      return policyDiff(call);
    case 'unused':
      return policyUnused(call);
    case 'suggest':
      return policySuggest(call);
    default:
      throw usageError('policy is followed by diff, unused or suggest');
  }
}

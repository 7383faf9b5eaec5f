import { ChanceryError } from '../base/error.ts';
import { isLedgerKind, ledgerKinds } from '../base/ledger.ts';
import { nearestName } from '../base/nearest.ts';
import { timeText } from '../base/time-text.ts';
import { usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { logText } from './log-text.ts';
import { momentOf } from './moment-flag.ts';
import { paint } from './terminal.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  kind: { type: 'string', multiple: true },
  subject: { type: 'string' },
  by: { type: 'string' },
  since: { type: 'string' },
  at: { type: 'string' },
  limit: { type: 'string' },
} as const;

type LogValues = Values<typeof flags>;

export const log = command({
  usage:
    'log [DIR] [--kind K] [--subject S] [--by WHO] [--since TIME] [--at TIME] [--limit N] [--json]',
  text: [
    'The ledger in words, newest last: commits, what proxies took and refused, endpoints, certificates, hosts, the CA, and who did it.',
    'S is a proxy, a commit, a host or a SPIFFE ID; --kind may be given more than once; --at TIME ends with what was known then.',
    'WHO is a person, a token or a program that did something; --kind api-call is every change that was asked for, and its outcome.',
    '',
    'Kinds:',
    ...Object.entries(ledgerKinds),
    ...targetHelp,
  ],
  examples: ['chancery log examples/shop --subject payments-v1 --since "1h ago"'],
  flags,
  run,
});

const limitUnlessSaid = '50';
const linesMax = 1_000;

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (more.length > 0) throw usageError('log takes one folder');
  const query = queryOf(values);
  const { entries, next } = await controlClient(values, dir).get('/v1/ledger', { query });
  const oldestFirst = entries.toReversed();
  if (values.json) {
    for (const one of oldestFirst) terminal.out(JSON.stringify(one));
    return 0;
  }
  if (next !== undefined) {
    const older = `older ones may be there: --limit, or --at ${timeText(next.beforeMs)}`;
    terminal.err(paint(terminal, 'dim', older));
  }
  terminal.out(entries.length === 0 ? 'nothing of that' : logText(oldestFirst, terminal.width));
  return 0;
}

function queryOf(values: LogValues) {
  const limit = Number(values.limit ?? limitUnlessSaid);
  if (!Number.isInteger(limit) || limit < 1 || limit > linesMax) {
    throw usageError(`--limit is a number from 1 to ${linesMax}`);
  }
  const { kind, subject, by } = values;
  const since = momentOf(values.since, '--since');
  const until = momentOf(values.at, '--at');
  return {
    limit,
    ...(kind === undefined ? {} : { kind: kind.map(kindOf) }),
    ...(subject === undefined ? {} : { subject }),
    ...(by === undefined ? {} : { by }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

/** A word that no entry has would find nothing, and nobody would see why. */
function kindOf(kind: string): string {
  if (isLedgerKind(kind)) return kind;
  const nearest = nearestName(kind, Object.keys(ledgerKinds));
  throw new ChanceryError({
    code: 'CH5003',
    message: `the ledger has no entries of the kind "${kind}"`,
    ...(nearest === undefined ? { help: 'chancery log --help lists them' } : { nearest }),
  });
}

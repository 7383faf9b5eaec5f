import { flushCompileCache } from 'node:module';
import { ChanceryError, messageOf } from '../base/error.ts';
import { findingFields } from '../base/log.ts';
import { nearestName } from '../base/nearest.ts';
import { wrapped } from '../base/wrap.ts';
import type { Command } from './command.ts';
import { proseColumns } from './help-text.ts';
import { outliveOwnReaders } from './outputs.ts';
import { serviceLog } from './service-log.ts';
import { paint, processTerminal, type Terminal } from './terminal.ts';

interface Verb {
  readonly summary: string;
  /** Loaded on demand, so that a small verb starts fast. */
  readonly load: () => Promise<Command>;
}

export const verbs: Readonly<Record<string, Verb>> = {
  up: {
    summary: 'run the whole mesh of an intent folder on this machine',
    load: async () => (await import('./up.ts')).up,
  },
  check: {
    summary: 'parse and validate an intent folder as it lies on disk',
    load: async () => (await import('./check.ts')).check,
  },
  test: {
    summary: 'decide every `tests:` entry with the policy engine, without a proxy',
    load: async () => (await import('./test.ts')).test,
  },
  why: {
    summary: 'what a request would get, and by which rule; `who-can` for everybody who may send it',
    load: async () => (await import('./why.ts')).whyCommand,
  },
  'who-can': {
    summary: 'everybody who may send a request, and the rule that lets them',
    load: async () => (await import('./why.ts')).whoCanCommand,
  },
  policy: {
    summary:
      'what a change of rules means, also for recorded traffic; rules without traffic; the least that it needs',
    load: async () => (await import('./policy.ts')).policy,
  },
  shadow: {
    summary:
      "let a branch's policy ride along with live traffic, and tell what it would do otherwise",
    load: async () => (await import('./shadow.ts')).shadow,
  },
  status: {
    summary: 'show proxies, workloads and problems of a running mesh',
    load: async () => (await import('./status.ts')).status,
  },
  wait: {
    summary: 'wait until a commit is live everywhere, or say why it is not',
    load: async () => (await import('./wait.ts')).wait,
  },
  approve: {
    summary: 'let a commit through that takes away more than a guard rail lets pass',
    load: async () => (await import('./approve.ts')).approve,
  },
  breakglass: {
    summary: 'access for a time beside Git, when Git is too slow or down',
    load: async () => (await import('./breakglass.ts')).breakglass,
  },
  revision: {
    summary: 'what became of each commit, on its way through gates and waves; halted or taken back',
    load: async () => (await import('./revision.ts')).revision,
  },
  proxy: {
    summary: 'what a proxy runs, or ran at a time, and from which lines of which commit',
    load: async () => (await import('./proxy.ts')).proxy,
  },
  diff: {
    summary: 'what differs between two commits, two proxies or two times, field by field',
    load: async () => (await import('./diff.ts')).diff,
  },
  log: {
    summary: 'who did what: commits, proxies, endpoints, certificates, hosts, the CA',
    load: async () => (await import('./log.ts')).log,
  },
  ca: {
    summary:
      "the CA of a running mesh: what signs, when it ends, its rotation, and the company's root",
    load: async () => (await import('./ca.ts')).ca,
  },
  host: {
    summary: 'the machines of a mesh: who is in, how it came in, whether it can go on',
    load: async () => (await import('./host.ts')).host,
  },
  identity: {
    summary: 'what a process must show to be a service, and what a process shows',
    load: async () => (await import('./identity.ts')).identity,
  },
  federation: {
    summary: 'the trust domains that a running mesh believes, and what partners need of it',
    load: async () => (await import('./federation.ts')).federation,
  },
  token: {
    summary: "tokens for the operators' API of a running mesh, each with its role and its end",
    load: async () => (await import('./token.ts')).token,
  },
  backup: {
    summary: 'the store of a mesh as one file, also while it runs; without the key of the CA',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'put a backup in the place of a store that is gone',
    load: async () => (await import('./backup.ts')).restore,
  },
  init: {
    summary: 'write a small intent folder to start from',
    load: async () => (await import('./init.ts')).init,
  },
  envoy: {
    summary: 'find or fetch the pinned Envoy and print where it is',
    load: async () => (await import('./envoy.ts')).envoy,
  },
  help: {
    summary: 'this text, that of a command, or the page of a code such as CH2101',
    load: async () => (await import('./help.ts')).help,
  },
  server: {
    summary: 'the control plane alone; `up` starts it for you',
    load: async () => (await import('./server.ts')).server,
  },
  agent: {
    summary: 'the agent of a host; `up` starts the one of this machine for you',
    load: async () => (await import('./agent.ts')).agent,
  },
  authz: {
    summary: 'one policy desk of a pool, which decides for proxies of other hosts',
    load: async () => (await import('./authz.ts')).authz,
  },
};

export async function main(args: readonly string[]): Promise<number> {
  outliveOwnReaders();
  const terminal = processTerminal(args.includes('--json'));
  const code = await runVerb(args, terminal);
  terminal.end();
  return code;
}

async function runVerb(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = 'help', ...rest] = args;
  const isOverview =
    name === '--help' || name === '-h' || (name === 'help' && rest.every(isAboutAll));
  if (isOverview) {
    terminal.out(terminal.json ? JSON.stringify({ commands: summaries() }) : overview(terminal));
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    const nearest = nearestName(name, Object.keys(verbs));
    terminal.findings([
      {
        ...{ code: 'CH5002', severity: 'error', message: `there is no command "${name}"` },
        ...(nearest === undefined ? { help: 'chancery --help lists them' } : { nearest }),
      },
    ]);
    return 1;
  }
  if (name === 'help' && Object.hasOwn(verbs, rest[0] ?? ''))
    return runVerb([...rest, '--help'], terminal);
  try {
    const run = await verb.load();
    // Now, not at the end: what runs for months must not end before its code is kept.
    flushCompileCache();
    return await run(rest, terminal);
  } catch (error) {
    const known = error instanceof ChanceryError ? error : refusedBySystem(error);
    if (known === undefined) throw error;
    sayFailure(name, known, terminal);
    return 1;
  }
}

/** What the machine does not let us do is no mistake of the program, and no place in it helps anybody. */
function refusedBySystem(error: unknown): ChanceryError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return undefined;
  const about = path === undefined ? {} : { found: `${syscall} ${path}` };
  return new ChanceryError(
    { code: 'CH5005', message: `the system refuses: ${messageOf(error)}`, ...about },
    { cause: error },
  );
}

/** What reads the log of a service reads also why it ended; a person reads text. */
function sayFailure(name: string, error: ChanceryError, terminal: Terminal): void {
  const isService = name === 'server' || name === 'agent' || name === 'authz';
  if (!isService || process.stderr.isTTY === true) {
    terminal.findings([error.finding]);
    return;
  }
  serviceLog(name).error('the service ended', findingFields(error.finding));
}

function isAboutAll(word: string): boolean {
  return ['help', '--help', '-h', '--json'].includes(word);
}

function summaries(): readonly { readonly name: string; readonly summary: string }[] {
  return Object.entries(verbs).map(([name, { summary }]) => ({ name, summary }));
}

const gap = '  ';

function overview(terminal: Terminal): string {
  const columns = proseColumns(terminal.width);
  const width = Math.max(...Object.keys(verbs).map((name) => name.length));
  const lines = Object.entries(verbs).flatMap(([name, { summary }]) =>
    wrapped(summary, columns - width - gap.length * 2).map((line, at) =>
      [gap, (at === 0 ? name : '').padEnd(width), gap, line].join(''),
    ),
  );
  return [
    ...wrapped(
      `${paint(terminal, 'bold', 'chancery')}: a service mesh around Envoy in which every answer has a reason`,
      columns,
    ),
    '',
    ...lines,
    '',
    ...[
      'chancery COMMAND --help shows what it takes, with an example; with --json each says what it found as JSON, and what went wrong as {"ok":false,"findings":[…]}.',
      'Exit codes: 0 fine, 1 usage or internal, 2 problems found, 3 traffic that was seen would be denied.',
      'A first try: chancery up examples/shop',
    ].flatMap((line) => wrapped(line, columns)),
  ].join('\n');
}

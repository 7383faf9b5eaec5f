import { flushCompileCache } from 'node:module';
import { ChanceryError } from '../base/error.ts';
import { paint, processTerminal, type Terminal } from './terminal.ts';

/** 0 fine, 1 usage or internal, 2 problems found: scripts rely on these. */
export type ExitCode = 0 | 1 | 2;

interface Verb {
  readonly usage: string;
  readonly summary: string;
  /** Loaded on demand, so that a small verb starts fast. */
  readonly load: () => Promise<(args: readonly string[], terminal: Terminal) => Promise<ExitCode>>;
}

const verbs: Readonly<Record<string, Verb>> = {
  up: {
    usage: 'up DIR [--check] [--dev]',
    summary: 'run the whole mesh of an intent folder on this machine',
    load: async () => (await import('./up.ts')).up,
  },
  check: {
    usage: 'check DIR [--json]',
    summary: 'parse and validate an intent folder as it lies on disk',
    load: async () => (await import('./check.ts')).check,
  },
  test: {
    usage: 'test DIR [--json]',
    summary: 'decide every `tests:` entry with the policy engine, without a proxy',
    load: async () => (await import('./test.ts')).test,
  },
  status: {
    usage: 'status [DIR] [--json]',
    summary: 'show proxies, workloads and problems of a running mesh',
    load: async () => (await import('./status.ts')).status,
  },
  wait: {
    usage: 'wait COMMIT [DIR] [--timeout 60s]',
    summary: 'wait until a commit is live everywhere, or say why it is not',
    load: async () => (await import('./wait.ts')).wait,
  },
  approve: {
    usage: 'approve COMMIT [DIR]',
    summary: 'let a commit through that takes away more than a guard rail lets pass',
    load: async () => (await import('./approve.ts')).approve,
  },
  revision: {
    usage: 'revision list|show|halt|resume|rollback',
    summary: 'what became of each commit, on its way through gates and waves; halted or taken back',
    load: async () => (await import('./revision.ts')).revision,
  },
  proxy: {
    usage: 'proxy PROXY [DIR] [--at TIME]',
    summary: 'what a proxy runs, or ran at a time, and from which lines of which commit',
    load: async () => (await import('./proxy.ts')).proxy,
  },
  diff: {
    usage: 'diff PROXY[@TIME] PROXY[@TIME] [DIR]',
    summary: 'what differs between two proxies or two times, field by field, and from which lines',
    load: async () => (await import('./diff.ts')).diff,
  },
  log: {
    usage: 'log [DIR] [--subject S] [--since TIME]',
    summary: 'who did what: commits, proxies, endpoints, certificates, hosts, the CA',
    load: async () => (await import('./log.ts')).log,
  },
  ca: {
    usage: 'ca status|rotate|request|import|rekey [DIR]',
    summary:
      "the CA of a running mesh: what signs, when it ends, its rotation, and the company's root",
    load: async () => (await import('./ca.ts')).ca,
  },
  host: {
    usage: 'host list|show|token|ban|evict|health|ek',
    summary: 'the machines of a mesh: who is in, how it came in, whether it can go on',
    load: async () => (await import('./host.ts')).host,
  },
  identity: {
    usage: 'identity list|explain [DIR]',
    summary: 'what a process must show to be a service, and what a process shows',
    load: async () => (await import('./identity.ts')).identity,
  },
  federation: {
    usage: 'federation list|show|refresh [DIR]',
    summary: 'the trust domains that a running mesh believes, and what partners need of it',
    load: async () => (await import('./federation.ts')).federation,
  },
  token: {
    usage: 'token create|list|revoke [NAME] [DIR]',
    summary: "tokens for the operators' API of a running mesh, each with its role and its end",
    load: async () => (await import('./token.ts')).token,
  },
  backup: {
    usage: 'backup DIR --to FILE',
    summary: 'the store of a mesh as one file, also while it runs; without the key of the CA',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    usage: 'restore DIR --from FILE',
    summary: 'put a backup in the place of a store that is gone',
    load: async () => (await import('./backup.ts')).restore,
  },
  init: {
    usage: 'init DIR',
    summary: 'write a small intent folder to start from',
    load: async () => (await import('./init.ts')).init,
  },
  envoy: {
    usage: 'envoy path',
    summary: 'find or fetch the pinned Envoy and print where it is',
    load: async () => (await import('./envoy.ts')).envoy,
  },
  help: {
    usage: 'help [CODE]',
    summary: 'this text, or the page of a code such as CH2101',
    load: async () => (await import('./help.ts')).help,
  },
  server: {
    usage: 'server --dir DIR [--dev]',
    summary: 'the control plane alone; `up` starts it for you',
    load: async () => (await import('./server.ts')).server,
  },
  agent: {
    usage: 'agent --server HOST:PORT | --host-file FILE',
    summary: 'the agent of a host; `up` starts the one of this machine for you',
    load: async () => (await import('./agent.ts')).agent,
  },
};

export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  const [name = 'help', ...rest] = args;
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    terminal.out(overview(terminal));
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) {
    terminal.err(`error[CH5002]: there is no command "${name}"`);
    terminal.err(overview(terminal));
    return 1;
  }
  try {
    const run = await verb.load();
    // Now, not at the end: what runs for months must not end before its code is kept.
    flushCompileCache();
    return await run(rest, terminal);
  } catch (error) {
    if (!(error instanceof ChanceryError)) throw error;
    terminal.findings([error.finding]);
    return 1;
  }
}

function overview(terminal: Terminal): string {
  const width = Math.max(...Object.values(verbs).map((verb) => verb.usage.length));
  const lines = Object.values(verbs).map(
    (verb) => `  chancery ${verb.usage.padEnd(width)}  ${verb.summary}`,
  );
  return [
    `${paint(terminal, 'bold', 'chancery')}: a service mesh around Envoy in which every answer has a reason`,
    '',
    ...lines,
    '',
    'Each command has --help with an example. A first try: chancery up examples/shop',
  ].join('\n');
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type IntentTree, openIntentSource } from '../app/intent-source.ts';
import { type Layout, layoutOf, makeLayout } from '../app/layout.ts';
import { LocalMesh } from '../app/local-mesh.ts';
import { takeLock } from '../app/lock.ts';
import { beOnlyServer } from '../app/one-server.ts';
import { freePortFinder, preflight } from '../app/preflight.ts';
import { readIntent } from '../app/read-intent.ts';
import { runningTree } from '../app/replicas/revision-store.ts';
import { searchPath } from '../app/workload-processes.ts';
import { systemClock } from '../base/clock.ts';
import { type Finding, hasErrors } from '../base/finding.ts';
import { resolveEnvoy } from '../envoy/resolve.ts';
import type { Intent } from '../model/types.ts';
import { openStore } from '../store/open.ts';
import { durationMsOf, portOf, usageError, watchFlag } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { folderNamed } from './folder.ts';
import { paint, type Terminal } from './terminal.ts';
import { UpSession } from './up-session.ts';

const flags = {
  check: { type: 'boolean' },
  dev: { type: 'boolean' },
  'federation-port': { type: 'string' },
  watch: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export const up = command({
  usage: 'up DIR [--check] [--dev] [--federation-port N] [--json]',
  text: [
    'Runs everything of an intent folder on this machine: control plane, agent, one Envoy per workload and the applications named by `run:`. Follows the Git HEAD of the folder; a commit is live within a second.',
    '',
    [
      '--check',
      'send every `tests:` entry through the real proxies, print the results and stop: 0 passed, 1 failed',
    ],
    ['--dev', 'follow the files as they lie on disk instead of Git'],
    [
      '--watch TIME',
      'look at each wave of a commit for so long before the next one gets it; 0s unless said',
    ],
    [
      '--federation-port N',
      'serve the bundle of the mesh to other trust domains (see chancery server --help)',
    ],
    [
      '--json',
      'a line of JSON when all is there, then one for each event (GET /v1/events); with --check, all results',
    ],
  ],
  examples: ['chancery up examples/shop --check'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw usageError('up takes one folder');
  const { dev = false, check = false, json = false } = values;
  const port = values['federation-port'];
  const federationPort = port === undefined ? undefined : String(portOf('--federation-port', port));
  const startedMs = systemClock.monotonicMs();
  const newest = await readFirst(dir, dev);
  const layout = layoutOf(folderNamed(dir), process.env);
  // What cannot go on with anything leaves nothing behind.
  if (newest.kind === 'refused' && (check || !hasRunBefore(layout))) {
    terminal.findings(newest.findings, newest.sources);
    return 1;
  }
  makeLayout(layout);
  const release = takeLock(layout.lockFile);
  try {
    // Its own control plane takes it; one that runs here without `up` is said before anything is started.
    beOnlyServer(layout, undefined)();
    const first = await firstOf(newest, layout, terminal);
    if (first === undefined) return 1;
    const envoy = await resolveEnvoy({
      env: process.env,
      onProgress: (text) => terminal.err(paint(terminal, 'dim', text)),
    });
    const session = new UpSession({ terminal, layout, startedMs, first });
    const mesh = new LocalMesh({
      layout,
      clock: systemClock,
      envoyPath: envoy.path,
      dev,
      federationPort,
      watch: watchTime(values.watch),
      env: process.env,
      onChild: (child, before) => session.childChanged(child, before),
    });
    const findings = await preflight(
      mesh.plan({ intent: first.intent, commit: first.tree.commit }, await freePortFinder()),
      layout.intentDir,
      { ...process.env, PATH: searchPath(process.env) },
    );
    if (hasErrors(findings)) {
      terminal.findings(findings);
      return 1;
    }
    return await session.run(mesh, { check, json });
  } finally {
    release();
  }
}

/** One proxy of each version, on one machine: nobody would be spared, and a person waits. */
function watchTime(value = '0s'): string {
  durationMsOf(watchFlag, value);
  return value;
}

export interface FirstIntent {
  readonly tree: IntentTree;
  readonly intent: Intent;
}

interface Refused {
  readonly kind: 'refused';
  readonly findings: readonly Finding[];
  readonly sources: ReadonlyMap<string, string>;
}

type Newest = Refused | ({ readonly kind: 'holds' } & FirstIntent & Omit<Refused, 'kind'>);

async function readFirst(dir: string, dev: boolean): Promise<Newest> {
  const source = await openIntentSource({ dir, dev, clock: systemClock });
  const reading = await source.read();
  if (reading.kind === 'unreadable') {
    return { kind: 'refused', findings: reading.findings, sources: new Map() };
  }
  const { tree } = reading;
  const { intent, findings } = readIntent(tree.files, systemClock.nowMs());
  const told = { findings, sources: sourcesOf(dir, tree) };
  return intent === undefined
    ? { kind: 'refused', ...told }
    : { kind: 'holds', tree, intent, ...told };
}

/**
 * A machine that is started anew comes up with what ran, as a control plane does, whatever was committed meanwhile. A folder
 * that never held a mesh is refused before anything is started. Undefined: why was said.
 */
async function firstOf(
  newest: Newest,
  layout: Layout,
  terminal: Terminal,
): Promise<FirstIntent | undefined> {
  const { findings, sources } = newest;
  if (findings.length > 0) terminal.findings(findings, sources);
  if (newest.kind === 'holds') return newest;
  const tree = await lastAccepted(layout);
  const reading = tree && readIntent(tree.files, systemClock.nowMs());
  const intent = reading?.intent ?? reading?.carried?.intent;
  if (tree === undefined || intent === undefined) return undefined;
  terminal.err(`the last good commit goes on: ${shortCommit(tree.commit)} ${tree.subject}`);
  return { tree, intent };
}

function hasRunBefore(layout: Layout): boolean {
  return process.env['CHANCERY_STORE'] !== undefined || existsSync(layout.database);
}

async function lastAccepted(layout: Layout): Promise<IntentTree | undefined> {
  const store = await openStore(process.env['CHANCERY_STORE'] ?? layout.database);
  try {
    return await runningTree(store);
  } finally {
    await store.close();
  }
}

function sourcesOf(dir: string, tree: IntentTree): ReadonlyMap<string, string> {
  return new Map([
    ...tree.files,
    ...[...tree.files].map(([file, text]) => [join(dir, file), text] as const),
  ]);
}

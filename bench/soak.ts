import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { callApi } from '../src/serve/api/client.ts';
import { paths, type RevisionsReply, type StatusReply } from '../src/serve/api/wire.ts';
import { intentFolder } from '../test/support/intents.ts';
import { eventually, processesOf, RunningMesh } from '../test/support/running-mesh.ts';
import type { OptionValues } from './areas.ts';
import { figuresOf, progress } from './line.ts';
import { firstState, type SoakState, soakFiles } from './soak/soak-files.ts';
import { type Gauges, gaugesOf } from './soak/soak-gauges.ts';
import { SoakLoad } from './soak/soak-load.ts';

const line = figuresOf('soak');

const watch = '1s';
/** What commits are held against. */
const calmMs = 8_000;
/** From one change to the next: some come while the one before is on its way. */
const paceMs = 2_500;
const restWithinMs = 60_000;
/** After so much of the time it is as it will stay: what it is from then on is held against that. */
const warmShare = 0.3;

type Change = (state: SoakState, mesh: RunningMesh) => SoakState;

/** In turn. None of them does any harm. */
const changes: readonly (readonly [kind: string, change: Change])[] = [
  ['rule', (state) => ({ ...state, rule: state.rule + 1 })],
  [
    'weights',
    (state) => ({ ...state, shares: [...state.shares.slice(1), state.shares[0]] as never }),
  ],
  [
    'canary',
    (state) => ({ ...state, shares: state.shares[0] === 40 ? [25, 25, 25, 25] : [40, 30, 20, 10] }),
  ],
  ['timeout', (state) => ({ ...state, timeout: (state.timeout + 1) % 1_000 })],
  ['command', (state) => ({ ...state, command: state.command + 1 })],
  ['crash', crash],
  ['version', (state) => ({ ...state, fifth: !state.fifth })],
  ['rule', (state) => ({ ...state, rule: state.rule + 1 })],
];

/**
 * An application ends at once, as one that has run out of memory does, and `up` starts it again. One that gets no requests:
 * of a version with one instance those that are sent to it meanwhile fail, whoever runs it.
 */
function crash(state: SoakState, mesh: RunningMesh): SoakState {
  const pid = processesOf(mesh.dir)
    .filter((text) => text.includes('app.js web'))
    .map((text) => Number.parseInt(text.trim(), 10))
    .find((one) => versionOf(one) === 'v3');
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  return state;
}

function versionOf(pid: number): string | undefined {
  try {
    return /(?:^|\0)SERVICE_VERSION=([^\0]+)/.exec(
      readFileSync(`/proc/${pid}/environ`, 'utf8'),
    )?.[1];
  } catch {
    return undefined;
  }
}

/** Changes of all kinds on a mesh under load for as long as is said: nothing fails, and nothing grows. */
export async function run({ seconds = '' }: OptionValues): Promise<void> {
  const [dir, removeDir] = intentFolder(soakFiles(firstState));
  const temporary = mkdtempSync(join(tmpdir(), 'soak-'));
  const runDir = mkdtempSync(join(tmpdir(), 'run-'));
  const mesh = new RunningMesh(dir);
  mesh.env['TMPDIR'] = temporary;
  mesh.env['XDG_RUNTIME_DIR'] = runDir;
  try {
    await mesh.up('--watch', watch);
    const load = new SoakLoad(mesh);
    await delay(calmMs);
    const { first, made } = await soak({ mesh, temporary, load, forMs: Number(seconds) * 1_000 });
    await atRest(mesh);
    await load.stop();
    tellFailures(load);
    report(first, gaugesOf(mesh, temporary), made, load);
  } finally {
    await mesh.remove();
    removeDir();
    for (const one of [temporary, runDir]) rmSync(one, { recursive: true, force: true });
  }
}

async function soak(parts: {
  readonly mesh: RunningMesh;
  readonly temporary: string;
  readonly load: SoakLoad;
  readonly forMs: number;
}): Promise<{ readonly first: Gauges; readonly made: number }> {
  const { mesh, temporary, load, forMs } = parts;
  const startMs = performance.now();
  let state = firstState;
  let made = 0;
  let first: Gauges | undefined;
  while (performance.now() < startMs + forMs) {
    const [kind, change] = changes[made % changes.length] ?? ['', (same) => same];
    load.during = `${kind} ${made}`;
    state = change(state, mesh);
    for (const [file, text] of Object.entries(soakFiles(state))) {
      writeFileSync(join(mesh.dir, file), text);
    }
    if (kind !== 'crash') mesh.commit(kind);
    made += 1;
    await delay(Math.max(0, startMs + made * paceMs - performance.now()));
    if (first === undefined && performance.now() > startMs + forMs * warmShare) {
      first = gaugesOf(mesh, temporary);
    }
    if (made % 10 === 0) {
      const { sent, failed } = load.counts;
      progress(
        `${made} changes, ${failed} of ${sent} failed: ${JSON.stringify(gaugesOf(mesh, temporary))}`,
      );
    }
  }
  return { first: first ?? gaugesOf(mesh, temporary), made };
}

function tellFailures({ failures }: SoakLoad): void {
  for (const [text, count] of failures) progress(`${count} times during ${text}`);
}

/** The newest commit is what all have, and nobody complains. */
async function atRest(mesh: RunningMesh): Promise<void> {
  const head = execFileSync('git', ['-C', mesh.dir, 'rev-parse', 'HEAD'], {
    encoding: 'utf8',
  }).trim();
  const get = <Reply>(path: string): Promise<Reply> =>
    callApi(mesh.layout.controlSocket, { method: 'GET', path }) as Promise<Reply>;
  let last = '';
  await eventually(
    async () => {
      const { commit, workloads, warnings, refused } = await get<StatusReply>(paths.status);
      const [newest] = (await get<RevisionsReply>(paths.revisions)).revisions;
      const odd = workloads.filter(
        ({ proxy, workload }) => proxy !== 'converged' || workload.state !== 'ready',
      );
      last = JSON.stringify({ head, commit, odd, warnings, refused, newest });
      return commit === head && newest?.state.kind === 'live' && odd.length === 0 && !refused;
    },
    restWithinMs,
    () => `it does not come to rest: ${last}`,
  );
}

function report(first: Gauges, last: Gauges, made: number, { counts }: SoakLoad): void {
  const grown = (of: keyof Gauges): number => last[of] - first[of];
  line('requests', counts.sent, 'requests', 'higher', 0, 1);
  line('failed_requests', counts.failed, 'requests', 'lower', 0, 1);
  line('changes', made, 'changes', 'higher', 0, 1);
  line('server_rss_mb', last.serverRssMb, 'MB', 'lower', round(first.serverRssMb), 1);
  line('agent_rss_mb', last.agentRssMb, 'MB', 'lower', round(first.agentRssMb), 1);
  line('up_rss_mb', last.upRssMb, 'MB', 'lower', round(first.upRssMb), 1);
  line(
    'server_descriptors',
    last.serverDescriptors,
    'descriptors',
    'lower',
    first.serverDescriptors,
    1,
  );
  line(
    'agent_descriptors',
    last.agentDescriptors,
    'descriptors',
    'lower',
    first.agentDescriptors,
    1,
  );
  line('up_descriptors', last.upDescriptors, 'descriptors', 'lower', first.upDescriptors, 1);
  line(
    'ledger_rows_per_change',
    grown('ledgerRows') / Math.max(1, made * (1 - warmShare)),
    'rows',
    'lower',
    0,
    1,
  );
  line('document_rows', last.documentRows, 'rows', 'lower', first.documentRows, 1);
  line('resource_rows', last.resourceRows, 'rows', 'lower', first.resourceRows, 1);
  line('temporary_files', last.temporaryFiles, 'files', 'lower', first.temporaryFiles, 1);
  line('processes', last.processes, 'processes', 'lower', first.processes, 1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, print, progress } from './line.ts';
import type { Metric } from './metrics.ts';
import { writeCertificates } from './xds/certificates.ts';
import { buildTools, type Run, startBaseline, startOurs, swarm, type Target } from './xds/tools.ts';
import { startWhole } from './xds/whole.ts';

/** Rounds that count; one before them warms both servers up. */
const rounds = Number(process.env['XDS_BENCH_ROUNDS'] ?? 5);
const goals = { ratio: 1, rss: 0.6, stormPayload: 0.01, intentCommitMs: 1_000 } as const;
/** node-0 runs the hub, and no service of ours calls itself. */
const hubCallers = 999;
const [hub, spoke] = ['svc-0', 'svc-7'] as const;

/** What the swarm is told to do with a server. Watches change a thing twice: once to warm up, once to be measured. */
const cases: Readonly<Record<string, (target: Target) => readonly string[]>> = {
  connect: () => ['connect', '-warmup', '0', '-repeat', '1'],
  endpoint_24: (target) => endpointChange(target, spoke),
  endpoint_1000: (target) => endpointChange(target, hub),
  commit_1000: (target) => [
    ...['watch', '-warmup', '1', '-repeat', '1', '-expect', String(hubCallers), '-type', 'RDS'],
    ...['-resource', target.egressRoutes, '-trigger', trigger(target, 'commit', hub)],
  ],
  storm: () => ['storm', '-warmup', '0', '-repeat', '1'],
  // The only proof of being in sync for a server that rightly says nothing to who has all.
  storm_missed: (target) => [
    ...['storm', '-warmup', '0', '-repeat', '1', '-expect', String(hubCallers), '-type', 'EDS'],
    ...['-resource', target.endpointsOf(hub), '-trigger', trigger(target, 'endpoint', hub)],
  ],
};

function endpointChange(target: Target, service: string): readonly string[] {
  return [
    ...['watch', '-warmup', '1', '-repeat', '1', '-type', 'EDS'],
    ...['-resource', target.endpointsOf(service), '-trigger', trigger(target, 'endpoint', service)],
  ];
}

function trigger(target: Target, what: string, service: string): string {
  return `http://127.0.0.1:${target.triggersPort}/${what}?service=${service}`;
}

type Side = 'ours' | 'baseline';
type Runs = Readonly<Record<Side, Map<string, Run[]>>>;

export async function run(): Promise<void> {
  if (!buildTools(['xds-swarm', 'gcp-baseline'])) return;
  const dir = mkdtempSync(join(tmpdir(), 'bench-xds-'));
  writeCertificates(dir);
  const targets: [Side, Target][] = [];
  try {
    targets.push(['baseline', await startBaseline(dir)]);
    targets.push(['ours', await startOurs(dir)]);
    report(await measure(targets, dir));
    for (const [, target] of targets.splice(0)) target.process.kill('SIGKILL');
    await measureIntent(dir);
  } finally {
    for (const [, target] of targets) target.process.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A Git commit on the whole control plane, through gates and waves; go-control-plane has nothing to hold it against. */
async function measureIntent(dir: string): Promise<void> {
  const target = await startWhole(dir);
  try {
    progress('a commit through gates and waves');
    const args = [
      ...['watch', '-warmup', '1', '-repeat', String(rounds), '-expect', String(hubCallers)],
      ...['-type', 'RDS', '-resource', target.egressRoutes, '-trigger', target.commit],
    ];
    const runs = await swarm(target, dir, args);
    const value = median(runs.map((one) => one['from_start_max_ms'] ?? Number.NaN));
    progress(`intent_commit_to_last_ack_ms: ${value.toFixed(0)}, goal ${goals.intentCommitMs}`);
    const metric = 'intent_commit_to_last_ack_ms';
    print({
      bench: 'xds',
      metric,
      value,
      unit: 'ms',
      better: 'lower',
      reference: goals.intentCommitMs,
      runs: runs.length,
    });
  } finally {
    target.process.kill('SIGKILL');
  }
}

/** The two servers take turns, so that what disturbs the machine disturbs both alike. */
async function measure(targets: readonly [Side, Target][], dir: string): Promise<Runs> {
  const runs: Runs = { ours: new Map(), baseline: new Map() };
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, args] of Object.entries(cases)) {
      progress(`round ${round} of ${rounds}: ${name}`);
      for (const [side, target] of targets) {
        const made = await swarm(target, dir, args(target));
        if (round > 0) runs[side].set(name, [...(runs[side].get(name) ?? []), ...made]);
      }
    }
  }
  return runs;
}

function report(runs: Runs): void {
  const figure = (side: Side, name: string, key: string): number =>
    median((runs[side].get(name) ?? []).map((one) => one[key] ?? Number.NaN));
  const ratio = (metric: Metric<'xds'>, name: string, key: string, goal: number): void => {
    const ours = figure('ours', name, key);
    const baseline = figure('baseline', name, key);
    progress(`${metric}: ours ${ours.toFixed(1)}, baseline ${baseline.toFixed(1)}, goal ${goal}`);
    line(metric, ours / baseline, Math.round(baseline * 10) / 10);
  };
  for (const name of ['endpoint_1000', 'endpoint_24', 'commit_1000'] as const) {
    ratio(`${name}_last_ratio`, name, 'from_start_max_ms', goals.ratio);
    ratio(`${name}_cpu_ratio`, name, 'server_cpu_ms', goals.ratio);
  }
  for (const name of ['connect', 'storm'] as const) {
    ratio(`${name}_last_ratio`, name, 'settled_ms', goals.ratio);
    ratio(`${name}_cpu_ratio`, name, 'server_cpu_ms', goals.ratio);
  }
  ratio('storm_missed_last_ratio', 'storm_missed', 'in_sync_max_ms', goals.ratio);
  ratio('storm_missed_cpu_ratio', 'storm_missed', 'server_cpu_ms', goals.ratio);
  ratio('rss_ratio', 'connect', 'server_rss_after_mib', goals.rss);
  ratio('payload_ratio', 'connect', 'payload_bytes', goals.ratio);
  const first = figure('ours', 'connect', 'payload_bytes');
  const again = figure('ours', 'storm', 'payload_bytes');
  progress(`storm_payload_ratio: ${again} of ${first} bytes, goal ${goals.stormPayload}`);
  line('storm_payload_ratio', again / first, first);
}

function line(metric: Metric<'xds'>, value: number, reference: number): void {
  print({ bench: 'xds', metric, value, unit: 'ratio', better: 'lower', reference, runs: rounds });
}

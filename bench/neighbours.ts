import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StatusReply } from '../src/serve/api/wire.ts';
import { figuresOf, median, progress } from './line.ts';
import type { Metric } from './metrics.ts';
import { type Bad, badNames, refusal, startBad } from './neighbours/bad-sidecars.ts';
import { type NeighboursMesh, startMesh } from './neighbours/mesh.ts';
import { writeCertificates } from './xds/certificates.ts';
import { serviceName, size } from './xds/mesh.ts';
import { buildTools, swarm } from './xds/tools.ts';

/** The cases take turns so often, each time with a swarm of its own. */
const cycles = Number(process.env['NEIGHBOURS_CYCLES'] ?? 4);
/** Changes of a turn that are measured, after one that is not. */
const changes = 10;
/** All but the hub's own sidecar call the hub, whose endpoint moves. */
const callers = size.services - 1;
/** A sidecar counts as stuck after 20 s; what is not said some seconds later is not said at all. */
const sayWithinMs = 40_000;
const askEveryMs = 250;

/** Who is beside the sidecars that are measured. */
const cases = ['alone', 'slow_reader', 'refusing'] as const;
type Case = (typeof cases)[number];

/** What the sidecars that are measured made of one change of theirs. */
interface Change {
  readonly p99Ms: number;
  readonly serverCpuMs: number;
  /** Of everything that is neither server nor swarm. */
  readonly othersCpuMs: number;
}

/** Times say nothing where others take the machine; left out where as many are left as a median needs. */
const calmCpuMs = 60;
const calmChangesMin = 12;

const line = figuresOf('neighbours');

/**
 * What one bad sidecar does to how fast a thousand others have a change, against the same without it, in the same run;
 * and whether the status says meanwhile which one is bad, and why.
 */
export async function run(): Promise<void> {
  if (!buildTools(['xds-swarm'])) return;
  const dir = mkdtempSync(join(tmpdir(), 'bench-neighbours-'));
  const made: Record<Case, Change[]> = { alone: [], slow_reader: [], refusing: [] };
  const saidAfterMs: Record<Bad, number[]> = { slow_reader: [], refusing: [] };
  let mesh: NeighboursMesh | undefined;
  try {
    writeCertificates(dir);
    mesh = await startMesh(dir);
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      for (const one of turned(cycle)) {
        const own = await turn(mesh, dir, one, saidAfterMs);
        made[one].push(...own);
        const p99 = median(own.map(({ p99Ms }) => p99Ms)).toFixed(0);
        progress(`cycle ${cycle + 1} of ${cycles}: ${one}, p99 ${p99} ms`);
      }
    }
  } finally {
    mesh?.close();
    rmSync(dir, { recursive: true, force: true });
  }
  report(made, saidAfterMs);
}

/** Every case is first, second and last alike, so that what changes with time is in all of them. */
function turned(cycle: number): readonly Case[] {
  const from = cycle % cases.length;
  return [...cases.slice(from), ...cases.slice(0, from)];
}

/** Some changes with one case of neighbour. */
async function turn(
  mesh: NeighboursMesh,
  dir: string,
  one: Case,
  saidAfterMs: Readonly<Record<Bad, number[]>>,
): Promise<readonly Change[]> {
  const { target, trigger } = mesh;
  const startedMs = performance.now();
  const bad = one === 'alone' ? undefined : startBad(one, { port: target.port, certificates: dir });
  try {
    const runs = await swarm(target, dir, [
      ...['watch', '-n', String(size.services), '-warmup', '1', '-repeat', String(changes)],
      ...['-expect', String(callers), '-type', 'EDS', '-trigger', trigger],
      ...['-resource', target.endpointsOf(serviceName(0))],
    ]);
    if (one !== 'alone') {
      await untilSaid(mesh, one);
      saidAfterMs[one].push(performance.now() - startedMs);
    }
    return runs.map((figures) => ({
      p99Ms: figures['from_start_p99_ms'] ?? Number.NaN,
      serverCpuMs: figures['server_cpu_ms'] ?? Number.NaN,
      othersCpuMs: figures['others_cpu_ms'] ?? Number.NaN,
    }));
  } finally {
    bad?.close();
  }
}

/** Throws when the status does not say it: a mesh whose operator cannot find the bad one has not passed. */
async function untilSaid({ status }: NeighboursMesh, bad: Bad): Promise<void> {
  const endMs = performance.now() + sayWithinMs;
  for (;;) {
    const said = await status();
    if (isSaid(said, bad)) return;
    if (performance.now() > endMs) {
      const { warnings, workloads } = said;
      const own = workloads.find(({ workload }) => workload.id === badNames[bad]);
      const found = JSON.stringify({ warnings, own });
      throw new Error(`the status does not say what is wrong with ${badNames[bad]}: ${found}`);
    }
    await delay(askEveryMs);
  }
}

/** By the sidecar's own state, and by a warning that names it and why. */
function isSaid({ workloads, warnings }: StatusReply, bad: Bad): boolean {
  const own = workloads.find(({ workload }) => workload.id === badNames[bad]);
  const named = warnings.filter(({ message }) => message.includes(badNames[bad]));
  switch (bad) {
    case 'slow_reader':
      return own?.proxy === 'stuck' && named.some(({ code }) => code === 'CH5420');
    case 'refusing': {
      const isRefused = own?.rejected.some(({ message }) => message.includes(refusal)) === true;
      return isRefused && named.some(({ code }) => code === 'CH5422');
    }
  }
}

function report(
  made: Readonly<Record<Case, readonly Change[]>>,
  saidAfterMs: Readonly<Record<Bad, readonly number[]>>,
): void {
  const calm = (one: Case): readonly Change[] =>
    made[one].filter(({ othersCpuMs }) => othersCpuMs <= calmCpuMs);
  const isCalm = cases.every((one) => calm(one).length >= calmChangesMin);
  if (!isCalm) progress('others took the machine all the time: CPU ratios tell more than times');
  const p99sOf = (one: Case): readonly number[] =>
    (isCalm ? calm(one) : made[one]).map(({ p99Ms }) => p99Ms);
  const cpuOf = (one: Case): number => median(made[one].map(({ serverCpuMs }) => serverCpuMs));
  const ratio = (
    metric: Metric<'neighbours'>,
    value: number,
    alone: number,
    count: number,
  ): void => {
    progress(`${metric}: ${value.toFixed(1)} ms, alone ${alone.toFixed(1)} ms`);
    line(metric, value / alone, 'ratio', 'lower', Math.round(alone * 10) / 10, count);
  };
  const alone = median(p99sOf('alone'));
  for (const bad of ['slow_reader', 'refusing'] as const) {
    const p99s = p99sOf(bad);
    ratio(`${bad}_p99_ratio`, median(p99s), alone, p99s.length);
    ratio(`${bad}_cpu_ratio`, cpuOf(bad), cpuOf('alone'), made[bad].length);
    const said = saidAfterMs[bad];
    line(`${bad}_said_after_ms`, median(said), 'ms', 'lower', sayWithinMs, said.length);
  }
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveEnvoy } from '../src/envoy/resolve.ts';
import { ask, eventually, RunningMesh } from '../test/support/running-mesh.ts';
import { figuresOf, median, progress } from './line.ts';
import { type Load, measure } from './load.ts';
import { startMinimalPair } from './minimal-pair.ts';

const line = figuresOf('mesh');

const rounds = 7;
const requests = 2_000;
const connections = 4;
const pairPorts = { egressPort: 15_901, ingressPort: 15_902 };
const greenGoalMs = 5_000;

/** A caller and a callee whose application answers at once, so that the proxies are what is measured. */
const intentFiles: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: bench\ntrust_domain: bench.test\n',
  'services/callee.yaml':
    'service: callee\nowner: b\nprotocol: http\nport: 15911\nhealth: GET /\nrun: node app.js\n' +
    'allow:\n  - { from: caller, to: GET /** }\nroutes:\n  - { to: v1, timeout: 5s }\n',
  'services/caller.yaml':
    'service: caller\nowner: b\nprotocol: http\nport: 15912\nhealth: GET /\nrun: node app.js\n',
  'app.js':
    "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n",
};

export async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  mkdirSync(join(dir, 'intent', 'services'), { recursive: true });
  for (const [file, text] of Object.entries(intentFiles))
    writeFileSync(join(dir, 'intent', file), text);
  const mesh = new RunningMesh(join(dir, 'intent'));
  const envoy = await resolveEnvoy({ env: process.env, onProgress: progress });
  try {
    const startedMs = performance.now();
    await mesh.up();
    const upMs = performance.now() - startedMs;
    line('up_to_green_ms', upMs, 'ms', 'lower', greenGoalMs, 1);
    await benchPair(mesh, dir, envoy.path);
    await benchCommits(mesh);
    benchMemory(mesh);
  } finally {
    await mesh.remove();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Rounds of the three ways take turns, so that what disturbs the machine disturbs all alike. */
async function benchPair(mesh: RunningMesh, dir: string, envoyPath: string): Promise<void> {
  const appPort = 15_911;
  const children = startMinimalPair({ dir, envoyPath, ...pairPorts, appPort });
  try {
    await eventually(
      () =>
        ask(pairPorts.egressPort, 'callee', 'GET', '/').then(
          (answer) => answer.status === 200,
          () => false,
        ),
      10_000,
      () => 'the minimal pair does not serve',
    );
    const { egressPort } = mesh.ports('caller-v1');
    const ways = { mesh: egressPort, pair: pairPorts.egressPort, direct: appPort };
    const results: Record<keyof typeof ways, Load[]> = { mesh: [], pair: [], direct: [] };
    for (let round = 0; round <= rounds; round += 1) {
      progress(`pair, round ${round} of ${rounds}`);
      for (const way of ['mesh', 'pair', 'direct'] as const) {
        const load = await measure({
          port: ways[way],
          host: 'callee',
          path: '/',
          connections,
          requests,
        });
        // The first round warms up.
        if (round > 0) results[way].push(load);
      }
    }
    const ratio = (of: (load: Load) => number, than: 'pair' | 'direct'): number =>
      median(results.mesh.map(of)) / median(results[than].map(of));
    const reference = (of: (load: Load) => number, way: 'pair' | 'direct'): number =>
      Math.round(median(results[way].map(of)) * 1_000) / 1_000;
    line(
      'pair_p50_ratio',
      ratio((l) => l.p50Ms, 'pair'),
      'ratio',
      'lower',
      reference((l) => l.p50Ms, 'pair'),
      rounds,
    );
    line(
      'pair_p99_ratio',
      ratio((l) => l.p99Ms, 'pair'),
      'ratio',
      'lower',
      reference((l) => l.p99Ms, 'pair'),
      rounds,
    );
    line(
      'pair_rps_ratio',
      ratio((l) => l.rps, 'pair'),
      'ratio',
      'higher',
      reference((l) => l.rps, 'pair'),
      rounds,
    );
    line(
      'direct_p50_ratio',
      ratio((l) => l.p50Ms, 'direct'),
      'ratio',
      'lower',
      reference((l) => l.p50Ms, 'direct'),
      rounds,
    );
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** From the end of `git commit` to the acknowledgement of the last proxy that it concerns. */
async function benchCommits(mesh: RunningMesh): Promise<void> {
  const timesMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    mesh.edit('services/callee.yaml', (text) =>
      text.replace(/timeout: \d+s/, `timeout: ${10 + round}s`),
    );
    mesh.output.length = 0;
    mesh.commit(`round ${round}`);
    const startedMs = performance.now();
    await mesh.said(/live +[0-9a-f]{12} on 1 proxy/);
    timesMs.push(performance.now() - startedMs);
  }
  line('commit_to_ack_ms', median(timesMs), 'ms', 'lower', 1_000, rounds);
}

function benchMemory(mesh: RunningMesh): void {
  const rssMb = (pid: number): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
  line('control_plane_rss_mb', rssMb(mesh.pidOf('chancery.js server')), 'MB', 'lower', 'none', 1);
  line('agent_rss_mb', rssMb(mesh.pidOf('chancery.js agent')), 'MB', 'lower', 'none', 1);
  const list = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' }).split('\n');
  const envoys = list
    .map((text) => text.trim().split(/\s+/))
    .filter(([, parent, name]) => Number(parent) === mesh.pid && name === 'envoy')
    .map(([pid]) => rssMb(Number(pid)));
  line('envoy_rss_mb', median(envoys), 'MB', 'lower', 'none', envoys.length);
}

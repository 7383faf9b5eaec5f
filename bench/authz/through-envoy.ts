import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvoyProcess } from '../../src/app/verify/envoy-process.ts';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import type { Intent } from '../../src/model/types.ts';
import { decide } from '../../src/policy/decide.ts';
import { figuresOf, median, progress } from '../line.ts';
import { Child, cpuSeconds } from './children.ts';
import type { LoadAnswer, LoadFile, LoadQuestion } from './load-process.ts';
import { startProxy } from './proxy.ts';
import {
  calleeName,
  callerName,
  canonicalOf,
  policyOf,
  rawRequest,
  ruleIntent,
  type Sample,
  samples,
} from './rules.ts';
import { newAuthority, startDesk, svidOf, written } from './world.ts';

const line = figuresOf('authz');
const goals = { ratio: 0.9, addedMs: 0.4 };
const size = { rules: 1_000, callees: 1 };
const rounds = 7;
const requests = 8_000;
const connections = 16;
const requestsAlone = 1_000;
const ports = { app: 15_931, with: 15_932, without: 15_933 };
const [service, caller] = [calleeName(0), callerName(0)];
/** é: an octet that a hardened Envoy leaves as it is, and that the tree in the proxy does not read. */
const escaped = '%C3%A9';

type Way = 'without' | 'inProxy' | 'desk';

interface Round {
  readonly rps: number;
  /** Requests for a second of CPU time of the proxy. */
  readonly perCpuSecond: number;
  /** Of one request at a time. */
  readonly aloneMs: number;
}

/** The compiled ingress of a service with a thousand rules, with its policy and without it, in turns. */
export async function benchThroughEnvoy(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-authz-'));
  const { path: envoyPath } = await resolveEnvoy({ env: process.env, onProgress: progress });
  const intent = ruleIntent(size);
  const authority = newAuthority();
  const agentSocket = join(dir, 'agent.sock');
  const children: Child[] = [];
  const proxies: EnvoyProcess[] = [];
  try {
    const desk = await startDesk({ dir, socket: agentSocket, intent, service, authority });
    children.push(desk);
    const { chainPem: cert, keyPem: key } = svidOf(authority, caller);
    const file: LoadFile = { appPort: ports.app, cert, key };
    const load = await Child.start('./load-process.ts', written(dir, 'load.json', file));
    children.push(load);
    const given = { dir, envoyPath, intent, service, agentSocket, appPort: ports.app };
    for (const policy of ['with', 'without'] as const) {
      proxies.push(await startProxy({ ...given, policy, port: ports[policy] }));
    }
    const [withPolicy, without] = proxies.map(({ pid }) => pid);
    const pids = { with: withPolicy ?? 0, without: without ?? 0 };
    report(await measure({ load, desk, pids, texts: textsOf(intent) }));
  } finally {
    for (const proxy of proxies) await proxy.stop();
    for (const child of children) await child.end();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface World {
  readonly load: Child;
  readonly desk: Child;
  readonly pids: Readonly<Record<'with' | 'without', number>>;
  readonly texts: Readonly<Record<Way, readonly string[]>>;
}

async function measure(world: World): Promise<Readonly<Record<Way, readonly Round[]>>> {
  const results: Record<Way, Round[]> = { without: [], inProxy: [], desk: [] };
  for (let round = 0; round <= rounds; round += 1) {
    progress(`through Envoy, round ${round} of ${rounds}`);
    for (const way of ['without', 'inProxy', 'desk'] as const) {
      const result = await measureWay(world, way);
      // The first round warms up.
      if (round > 0) results[way].push(result);
    }
  }
  return results;
}

async function measureWay({ load, desk, pids, texts }: World, way: Way): Promise<Round> {
  const policy = way === 'without' ? 'without' : 'with';
  const question = { port: ports[policy], texts: texts[way] };
  const ask = (more: Pick<LoadQuestion, 'connections' | 'requests'>): Promise<LoadAnswer> =>
    load.ask<LoadAnswer>({ ...question, ...more } satisfies LoadQuestion);
  const alone = await ask({ connections: 1, requests: requestsAlone });
  const [proxyBefore, deskBefore] = [cpuSeconds(pids[policy]), desk.cpuSeconds];
  const many = await ask({ connections, requests });
  const proxySeconds = cpuSeconds(pids[policy]) - proxyBefore;
  const deskMicros = ((desk.cpuSeconds - deskBefore) / requests) * 1e6;
  // No call costs the desk less than this, and none costs it nothing.
  if (way === 'desk' ? deskMicros < 10 : deskMicros > 5) {
    throw new Error(`${way}: the desk used ${deskMicros} µs of CPU a request`);
  }
  return { rps: many.rps, perCpuSecond: requests / proxySeconds, aloneMs: alone.p50Ms };
}

function report(results: Readonly<Record<Way, readonly Round[]>>): void {
  const middle = (way: Way, of: (round: Round) => number): number => median(results[way].map(of));
  const rps = (round: Round): number => round.rps;
  const perCpu = (round: Round): number => round.perCpuSecond;
  const aloneMs = (round: Round): number => round.aloneMs;
  for (const way of ['without', 'inProxy', 'desk'] as const) {
    const [wall, cpu] = [middle(way, rps), middle(way, perCpu)].map(Math.round);
    progress(`${way}: ${wall} requests/s, ${cpu} a CPU second, ${middle(way, aloneMs)} ms alone`);
  }
  const ratio = (way: Way, of: (round: Round) => number): number =>
    middle(way, of) / middle('without', of);
  line('in_proxy_rps_ratio', ratio('inProxy', rps), 'ratio', 'higher', goals.ratio, rounds);
  line('in_proxy_cpu_ratio', ratio('inProxy', perCpu), 'ratio', 'higher', goals.ratio, rounds);
  line('desk_rps_ratio', ratio('desk', rps), 'ratio', 'higher', 'none', rounds);
  const addedMs = middle('desk', aloneMs) - middle('without', aloneMs);
  line('desk_added_p50_ms', addedMs, 'ms', 'lower', goals.addedMs, rounds);
}

/** Requests of one caller, each in two forms: one that the tree in the proxy allows, and one that only the desk does. */
function textsOf(intent: Intent): World['texts'] {
  const policy = policyOf(intent);
  const pathsAllowed = (ending: string): Sample[] =>
    samples(policy, size, 8_192)
      .map(({ raw: { method, path } }) => {
        const [own = ''] = path.split('?', 1);
        const raw = rawRequest({ caller, callee: service, method, path: `${own}${ending}?page=2` });
        return { callee: service, raw };
      })
      .filter((sample) => decide(policy, canonicalOf(sample)).kind === 'allow');
  const [plain, asked] = [pathsAllowed('e').map(textOf), pathsAllowed(escaped).map(textOf)];
  if (plain.length < 50 || asked.length < 50) throw new Error('there are too few requests');
  return { without: plain, inProxy: plain, desk: asked };
}

function textOf({ callee, raw }: Sample): string {
  return [
    `${raw.method} ${raw.path} HTTP/1.1`,
    `host: ${callee}`,
    'accept: application/json',
    'user-agent: bench/1.0',
    ...(raw.method === 'GET' ? [] : ['content-length: 0']),
    '\r\n',
  ].join('\r\n');
}

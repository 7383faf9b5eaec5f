import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvoyProcess } from '../../src/app/verify/envoy-process.ts';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import type { Intent } from '../../src/model/types.ts';
import { decide } from '../../src/policy/decide.ts';
import { figuresOf, progress, quantile } from '../line.ts';
import type { AppFile } from './app-process.ts';
import { Child, cpuSeconds } from './children.ts';
import type { LoadAnswer, LoadFile, LoadQuestion } from './load-process.ts';
import { startProxy } from './proxy.ts';
import { calleeName, canonicalOf, policyOf, ruleIntent, type Sample, samples } from './rules.ts';
import { newAuthority, startDesk, svidOf, written } from './world.ts';

const line = figuresOf('authz');
const goals = { ratio: 0.9, addedMs: 0.4 };
const size = { rules: 1_000, callees: 1 };
const rounds = 12;
const requests = 6_000;
const connections = 16;
const requestsAlone = 1_000;
const ports = { app: 15_931, with: 15_932, without: 15_942 };
/** Of each kind: where its memory happens to lie makes one proxy cost some µs more than another of its kind. */
const instances = 4;
const service = calleeName(0);
/** Each has a connection, and few of a policy's rules are about one caller alone. */
const callersMax = 16;
/** é: an octet that a hardened Envoy leaves as it is, and that the tree in the proxy does not read. */
const escaped = '%C3%A9';

type Way = 'without' | 'inProxy' | 'desk';
type Policy = 'with' | 'without';

interface Round {
  readonly rps: number;
  /** CPU time of the proxy for a request. */
  readonly cpuMicros: number;
  /** How much of the time the proxy was at work: only near one is it the proxy that bounds `rps`. */
  readonly busy: number;
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
    const app: AppFile = { port: ports.app };
    children.push(await Child.start('./app-process.ts', written(dir, 'app.json', app)));
    const asked = askedBy(intent);
    const file: LoadFile = {
      callers: asked.map(({ caller }) => {
        const { chainPem: cert, keyPem: key } = svidOf(authority, caller);
        return { cert, key };
      }),
    };
    const load = await Child.start('./load-process.ts', written(dir, 'load.json', file));
    children.push(load);
    const given = { dir, envoyPath, intent, service, agentSocket, appPort: ports.app };
    const pids: Record<Policy, number[]> = { with: [], without: [] };
    for (let instance = 0; instance < instances; instance += 1) {
      for (const policy of ['with', 'without'] as const) {
        const proxy = await startProxy({ ...given, policy, port: ports[policy] + instance });
        proxies.push(proxy);
        pids[policy].push(proxy.pid);
      }
    }
    const [plain, odd] = [asked.map(({ plain }) => plain), asked.map(({ odd }) => odd)];
    const texts = { without: plain, inProxy: plain, desk: odd };
    report(await measure({ load, desk, pids, texts }));
  } finally {
    for (const proxy of proxies) await proxy.stop();
    for (const child of children) await child.end();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface World {
  readonly load: Child;
  readonly desk: Child;
  readonly pids: Readonly<Record<Policy, readonly number[]>>;
  /** Of each caller. */
  readonly texts: Readonly<Record<Way, readonly (readonly string[])[]>>;
}

async function measure(world: World): Promise<Readonly<Record<Way, readonly Round[]>>> {
  const results: Record<Way, Round[]> = { without: [], inProxy: [], desk: [] };
  for (let round = 0; round < instances + rounds; round += 1) {
    progress(`through Envoy, round ${round + 1} of ${instances + rounds}`);
    for (const way of ['without', 'inProxy', 'desk'] as const) {
      const result = await measureWay(world, way, round % instances);
      // The first rounds warm up.
      if (round >= instances) results[way].push(result);
    }
  }
  return results;
}

async function measureWay(
  { load, desk, pids, texts }: World,
  way: Way,
  instance: number,
): Promise<Round> {
  const policy: Policy = way === 'without' ? 'without' : 'with';
  const pid = pids[policy][instance] ?? 0;
  const question = { port: ports[policy] + instance, texts: texts[way] };
  const ask = (more: Pick<LoadQuestion, 'connections' | 'requests'>): Promise<LoadAnswer> =>
    load.ask<LoadAnswer>({ ...question, ...more } satisfies LoadQuestion);
  const alone = await ask({ connections: 1, requests: requestsAlone });
  const [proxyBefore, deskBefore] = [cpuSeconds(pid), desk.cpuSeconds];
  const many = await ask({ connections, requests });
  const proxySeconds = cpuSeconds(pid) - proxyBefore;
  const deskMicros = ((desk.cpuSeconds - deskBefore) / requests) * 1e6;
  // No call costs the desk less than this, and none costs it nothing.
  if (way === 'desk' ? deskMicros < 10 : deskMicros > 5) {
    throw new Error(`${way}: the desk used ${deskMicros} µs of CPU a request`);
  }
  return {
    rps: many.rps,
    cpuMicros: (proxySeconds / requests) * 1e6,
    busy: (proxySeconds * many.rps) / requests,
    aloneMs: alone.p50Ms,
  };
}

/**
 * Of rates and CPU time the better quartile: whatever else the machine does makes both worse. `in_proxy_rps_ratio` is what
 * a proxy with one worker can carry, by the CPU time that it takes for a request; what came through in the time of the
 * clock is bounded by caller and application as well, which share the machine with it.
 */
function report(results: Readonly<Record<Way, readonly Round[]>>): void {
  const at = (way: Way, q: number, of: (round: Round) => number): number =>
    quantile(results[way].map(of), q);
  const cpuMicros = (way: Way): number => at(way, 0.25, (round) => round.cpuMicros);
  const rps = (way: Way): number => at(way, 0.75, (round) => round.rps);
  const aloneMs = (way: Way): number => at(way, 0.5, (round) => round.aloneMs);
  for (const way of ['without', 'inProxy', 'desk'] as const) {
    const busy = Math.round(at(way, 0.5, (round) => round.busy) * 100);
    const [micros, wall] = [cpuMicros(way).toFixed(1), Math.round(rps(way))];
    progress(
      `${way}: ${micros} µs of CPU, ${wall} requests/s (${busy} % busy), ${aloneMs(way)} ms`,
    );
  }
  const capacity = (way: Way): number => cpuMicros('without') / cpuMicros(way);
  const added = cpuMicros('inProxy') - cpuMicros('without');
  line('in_proxy_rps_ratio', capacity('inProxy'), 'ratio', 'higher', goals.ratio, rounds);
  line('in_proxy_added_cpu_us', added, 'µs', 'lower', 'none', rounds);
  const clock = (way: Way): number => rps(way) / rps('without');
  line('in_proxy_clock_rps_ratio', clock('inProxy'), 'ratio', 'higher', 'none', rounds);
  line('desk_rps_ratio', clock('desk'), 'ratio', 'higher', 'none', rounds);
  const addedMs = aloneMs('desk') - aloneMs('without');
  line('desk_added_p50_ms', addedMs, 'ms', 'lower', goals.addedMs, rounds);
}

interface Asked {
  readonly caller: string;
  /** What the tree in the proxy allows. */
  readonly plain: readonly string[];
  /** What only the desk does: the same with an octet at the end that the tree does not read. */
  readonly odd: readonly string[];
}

/** Allowed requests of those callers that have most of them, to rules of every shape. */
function askedBy(intent: Intent): readonly Asked[] {
  const policy = policyOf(intent);
  const isAllowed = (sample: Sample): boolean =>
    decide(policy, canonicalOf(sample)).kind === 'allow';
  const allowed = samples(policy, size, 32_768).filter(isAllowed);
  const byCaller = [...Map.groupBy(allowed, ({ raw }) => raw.principal)];
  const asked = byCaller
    .map(([principal, own]) => ({
      caller: principal.slice(principal.lastIndexOf('/') + 1),
      plain: own.map(textOf),
      odd: own.map(withEscape).filter(isAllowed).map(textOf),
    }))
    .sort((a, b) => b.odd.length - a.odd.length)
    .slice(0, callersMax);
  if (asked.some(({ plain, odd }) => plain.length < 50 || odd.length < 20)) {
    throw new Error('there are too few requests');
  }
  return asked;
}

function withEscape({ callee, raw }: Sample): Sample {
  return { callee, raw: { ...raw, path: raw.path.replace('?', `${escaped}?`) } };
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

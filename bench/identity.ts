import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { controlTarget } from '../src/agent/control-trust.ts';
import type { HostFile } from '../src/agent/host-file.ts';
import { attestHost } from '../src/agent/join.ts';
import { csrText, newKeyPair } from '../src/agent/key-pair.ts';
import { proverOf } from '../src/agent/prove/provers.ts';
import type { PortBook } from '../src/app/host-plan.ts';
import { systemRandom } from '../src/base/random.ts';
import { X509SVIDResponseSchema } from '../src/gen/spiffe/workload_pb.js';
import { callApi } from '../src/serve/api/client.ts';
import { type CaStepRequest, paths, type SvidRequest } from '../src/serve/api/wire.ts';
import { type ClientCall, GrpcClient } from '../src/serve/grpc/client.ts';
import { intentFolder } from '../test/support/intents.ts';
import { RunningMesh } from '../test/support/running-mesh.ts';
import { median, print, progress, quantile } from './line.ts';
import type { Metric } from './metrics.ts';

const goals = { svids: 5_000, firstMs: 300, entryMs: 200, caMs: 200, rssMb: 100 };
const fetchX509 = '/SpiffeWorkloadAPI/FetchX509SVID';
const header = { 'workload.spiffe.io': 'true' };

const uid = process.getuid?.() ?? 0;
const program = readlinkSync('/proc/self/exe');
const serviceFile = (name: string, port: number, identity: string): string =>
  `service: ${name}\nowner: b\nprotocol: http\nport: ${port}\n${identity}`;
const first = serviceFile('first', 15_921, `identity: { unix: { path: "${program}" } }\n`);
const later = (isEntry: boolean): string =>
  serviceFile('later', 15_922, isEntry ? `identity: { unix: { uid: "${uid}" } }\n` : '');

/** Gives the second service its entry, or takes it away. */
function commitLater(mesh: RunningMesh, isEntry: boolean): void {
  writeFileSync(join(mesh.dir, 'services', 'later.yaml'), later(isEntry));
  mesh.commit(isEntry ? 'an entry' : 'no entry');
}

export async function run(): Promise<void> {
  const [dir, removeFolder] = intentFolder({
    'mesh.yaml': 'mesh: bench\ntrust_domain: bench.test\n',
    'services/first.yaml': first,
    'services/later.yaml': later(false),
  });
  const mesh = new RunningMesh(dir);
  try {
    await mesh.up();
    await benchSigning(mesh);
    await benchFirst(mesh);
    await benchEntries(mesh);
    await benchCa(mesh);
    await benchFetches(mesh);
    await benchStreams(mesh);
  } finally {
    await mesh.remove();
    removeFolder();
  }
}

function line(
  metric: Metric<'identity'>,
  value: number,
  unit: string,
  reference: number | string,
  runs: number,
): void {
  const better = unit.endsWith('/s') ? 'higher' : 'lower';
  print({ bench: 'identity', metric, value, unit, better, reference, runs });
}

/**
 * Over the real API, as a host of the mesh: mutual TLS, a hundred requests a call, two calls at once; parsed, checked, signed,
 * recorded durably, answered. Per second of the control plane's CPU time.
 */
async function benchSigning(mesh: RunningMesh): Promise<void> {
  const calls = 200;
  const together = 100;
  const inFlight = 2;
  progress(`signing ${calls * together} SVIDs`);
  const target = await joinedHost(mesh);
  const csr = csrText(newKeyPair(), 'b');
  const request: SvidRequest = { service: 'first', workload: 'bench', csr, reason: 'first' };
  const body = { requests: Array.from({ length: together }, () => request) };
  const pid = mesh.pidOf('chancery.js server');
  const many = async (count: number): Promise<void> => {
    let left = count;
    const one = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await callApi(target, { method: 'POST', path: paths.svids, body });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, one));
  };
  await many(20);
  const before = cpuSeconds(pid);
  const startedMs = performance.now();
  await many(calls);
  const svids = calls * together;
  line('svids_per_cpu_s', svids / (cpuSeconds(pid) - before), 'svids/s', goals.svids, 1);
  const seconds = (performance.now() - startedMs) / 1_000;
  line('svids_per_s', svids / seconds, 'svids/s', 'none', 1);
  target.agent.destroy();
}

/** A host that has joined by the operator's socket, as its connections to the host API. */
async function joinedHost(mesh: RunningMesh): Promise<ReturnType<typeof controlTarget>> {
  const key = newKeyPair();
  const socket = mesh.layout.controlSocket;
  const prover = await proverOf({ kind: 'local', socket, host: 'bench-signing' }, systemRandom);
  const { svid, trust } = await attestHost(socket, prover, key);
  const identity = { chainPem: svid.chainPem, privateKeyPem: key.privateKeyPem };
  return controlTarget({ host: '127.0.0.1', port: agentPortOf(mesh) }, trust.own, identity);
}

function agentPortOf(mesh: RunningMesh): number {
  const book = JSON.parse(readFileSync(mesh.layout.portsFile, 'utf8')) as PortBook;
  return book.agentPort ?? 0;
}

const ticksPerSecond = 100;

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** An agent of another host, begun with nothing: from its start to the first SVID in a client that waits for it. */
async function benchFirst(mesh: RunningMesh): Promise<void> {
  const rounds = 7;
  const times = { old: [] as number[], new: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    progress(`agent start ${round + 1} of ${rounds}`);
    times.old.push(await firstSvidMs(mesh, 1));
    commitLater(mesh, true);
    times.new.push(await firstSvidMs(mesh, 2));
    commitLater(mesh, false);
  }
  line('first_svid_ms', median(times.old), 'ms', goals.firstMs, rounds);
  line('first_svid_new_entry_ms', median(times.new), 'ms', goals.firstMs, rounds);
}

async function firstSvidMs(mesh: RunningMesh, identities: number): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'agent-'));
  const socket = join(dir, 'public', 'workload.sock');
  const host: HostFile = {
    control: {
      servers: [{ host: '127.0.0.1', port: agentPortOf(mesh) }],
      proof: { kind: 'local', socket: mesh.layout.controlSocket, host: 'bench' },
      rootSha256: [],
    },
    workloadSocket: socket,
    agentSocket: join(dir, 'agent.sock'),
    workloads: [],
  };
  const hostFile = join(dir, 'host.json');
  writeFileSync(hostFile, JSON.stringify(host));
  mkdirSync(join(dir, 'logs'));
  const startedMs = performance.now();
  const agent: ChildProcess = spawn(
    process.execPath,
    [resolve('bin/chancery.js'), 'agent', '--host-file', hostFile],
    { stdio: 'ignore' },
  );
  try {
    for (;;) {
      const stream = await Stream.open(socket).catch(() => undefined);
      const svids = await stream?.next();
      if (svids === identities) {
        stream?.close();
        return performance.now() - startedMs;
      }
      stream?.close();
      if (performance.now() - startedMs > 20_000) throw new Error('no SVID after 20 s');
      await new Promise((wake) => setTimeout(wake, 5));
    }
  } finally {
    agent.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** From the commit of a new entry, which begins with the git commit having ended, to its SVID on an open stream. */
async function benchEntries(mesh: RunningMesh): Promise<void> {
  const rounds = 40;
  const stream = await Stream.open(mesh.layout.workloadSocket);
  await stream.until(1);
  const times: number[] = [];
  progress(`${rounds} new entries`);
  for (let round = 0; round < rounds; round += 1) {
    commitLater(mesh, true);
    const startedMs = performance.now();
    await stream.until(2);
    times.push(performance.now() - startedMs);
    commitLater(mesh, false);
    await stream.until(1);
  }
  stream.close();
  line('entry_to_workload_p50_ms', median(times), 'ms', goals.entryMs, rounds);
  line('entry_to_workload_p99_ms', quantile(times, 0.99), 'ms', goals.entryMs, rounds);
}

/** From the request of a step to the changed bundle on an open stream. */
async function benchCa(mesh: RunningMesh): Promise<void> {
  const rounds = 10;
  const stream = await Stream.open(mesh.layout.workloadSocket);
  await stream.next();
  const times: number[] = [];
  progress('steps of the CA');
  for (let round = 0; round < rounds; round += 1) {
    for (const step of ['prepare', 'abandon'] as const) {
      const body: CaStepRequest = { step, by: 'bench' };
      const startedMs = performance.now();
      const changed = stream.next();
      await callApi(mesh.layout.controlSocket, { method: 'POST', path: paths.caSteps, body });
      await changed;
      times.push(performance.now() - startedMs);
    }
  }
  stream.close();
  line('ca_step_to_workload_ms', quantile(times, 0.99), 'ms', goals.caMs, times.length);
}

/** A connection, an attestation and an SVID, eight at a time. */
async function benchFetches(mesh: RunningMesh): Promise<void> {
  const fetches = 4_000;
  let left = fetches;
  progress(`${fetches} fetches`);
  const startedMs = performance.now();
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const stream = await Stream.open(mesh.layout.workloadSocket);
      await stream.next();
      stream.close();
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  const seconds = (performance.now() - startedMs) / 1_000;
  line('fetches_per_s', fetches / seconds, 'fetches/s', 'none', 1);
}

async function benchStreams(mesh: RunningMesh): Promise<void> {
  const streams: Stream[] = [];
  progress('500 open streams');
  for (let index = 0; index < 500; index += 1) {
    const stream = await Stream.open(mesh.layout.workloadSocket);
    await stream.next();
    streams.push(stream);
  }
  await new Promise((wake) => setTimeout(wake, 3_000));
  const status = readFileSync(`/proc/${mesh.pidOf('chancery.js agent')}/status`, 'utf8');
  const rssMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  line('agent_rss_500_streams_mb', rssMb, 'MB', goals.rssMb, 1);
  for (const stream of streams) stream.close();
}

/** FetchX509SVID on a connection of its own. */
class Stream {
  readonly #client: GrpcClient;
  readonly #call: ClientCall;

  private constructor(client: GrpcClient, call: ClientCall) {
    this.#client = client;
    this.#call = call;
  }

  static async open(path: string): Promise<Stream> {
    const client = new GrpcClient({ kind: 'unix', path });
    const call = client.bidi(fetchX509, header);
    call.write(new Uint8Array());
    call.end();
    return new Stream(client, call);
  }

  /** How many SVIDs the next message holds; rejects or is 0 when the call ended. */
  async next(): Promise<number> {
    const bytes = await this.#call.read();
    return bytes === undefined ? 0 : fromBinary(X509SVIDResponseSchema, bytes).svids.length;
  }

  /** Reads on until a message holds this many. */
  async until(svids: number): Promise<void> {
    for (;;) {
      const found = await this.next();
      if (found === svids) return;
      if (found === 0) throw new Error(`the stream ended before it held ${svids} SVIDs`);
    }
  }

  close(): void {
    this.#call.cancel();
    void this.#client.close();
  }
}

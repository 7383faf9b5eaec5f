/**
 * Our side of `npm run bench -- xds`, a process of its own: the xDS service on mutual TLS, fed by the publisher. Takes
 * the folder of certificates; says where it listens; lives as long as its standard input.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { MemoryReturn, mallocTrim } from '../../src/app/memory-return.ts';
import { proxyAuthorizer } from '../../src/app/proxy-authority.ts';
import { Publisher } from '../../src/app/publisher.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { WorkloadId } from '../../src/compile/inventory.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { Intent } from '../../src/model/types.ts';
import { createGrpcServer } from '../../src/serve/grpc/server.ts';
import { XdsService } from '../../src/serve/xds/service.ts';
import { hostRecord } from './host-record.ts';
import { intentFiles, inventory, serviceName, size, weightAtFirst, workloadId } from './mesh.ts';

const [dir = ''] = process.argv.slice(2);
const files = intentFiles();
const world = { intent: parsed(), inventory: inventory(), commits: 0 };
const byId = new Map(world.inventory.map((workload) => [workload.id as string, workload]));
const running = {
  kind: 'running' as const,
  tree: { commit: 'bench', subject: 'bench', trailers: new Map(), files },
  intent: world.intent,
  entries: { kind: 'entries' as const, entries: [] },
  refused: undefined,
  carried: [],
};
const memory = new MemoryReturn({ clock: systemClock, trim: mallocTrim() });
const xds = new XdsService({
  clock: systemClock,
  authorize: proxyAuthorizer({
    workload: (id) => byId.get(id),
    intent: () => running,
    host: () => hostRecord,
  }),
  onEvent: (event) => {
    if (event.kind === 'connected' || event.kind === 'disconnected') memory.moved();
    else if (event.kind === 'acked') memory.stirred();
    if (event.kind === 'converged') publisher.converged(event.proxy as WorkloadId);
  },
});
const publisher = new Publisher({ sink: xds, clock: systemClock, emit: () => {} });
publisher.start(world.intent, world.inventory, { id: 'first', subject: 'first' });

const grpc = createGrpcServer({
  methods: xds.methods,
  onError: (error, path) => process.stderr.write(`${path}: ${String(error)}\n`),
});
const text = (file: string): string => readFileSync(join(dir, file), 'utf8');
const tls = { cert: text('server.pem'), key: text('server.key'), ca: text('ca.pem') };
const port = await grpc.listenTls('127.0.0.1', 0, tls);

/** One endpoint of the service gets another port, as a host reports it. */
function moveEndpoint(service: number): void {
  const moved = workloadId(service, 0);
  world.inventory = world.inventory.map((workload) =>
    workload.id === moved ? { ...workload, ingressPort: workload.ingressPort + 1 } : workload,
  );
  publisher.update(world.inventory);
}

/** A percent of the service's requests moves from one version to the other, as a commit says. */
function shiftWeights(service: number): void {
  const name = serviceName(service);
  const { intent } = world;
  const before = intent.services.get(name);
  if (before === undefined) throw new Error(`there is no ${name}`);
  world.commits += 1;
  const v1 = 1 + ((weightAtFirst + world.commits) % 99);
  const routes = before.routes.map((route) => ({
    ...route,
    split: route.split.map(({ version }) => ({
      version,
      weight: version === 'v1' ? v1 : 100 - v1,
    })),
  }));
  world.intent = { ...intent, services: new Map(intent.services).set(name, { ...before, routes }) };
  // All waves in one, as for a commit that is urgent.
  publisher.propose(world.intent, { id: `commit-${world.commits}`, subject: 'weights' });
  publisher.settle();
}

const changes: Readonly<Record<string, (service: number) => void>> = {
  '/endpoint': moveEndpoint,
  '/commit': shiftWeights,
};

const triggers = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://bench');
  const service = Number(url.searchParams.get('service')?.replace('svc-', '') ?? 0);
  const change = changes[url.pathname];
  if (change === undefined || !(service < size.services)) response.writeHead(404).end();
  else {
    change(service);
    response.end('published\n');
  }
});
triggers.listen(0, '127.0.0.1', () => {
  const address = triggers.address();
  const triggersPort = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port, triggersPort })}\n`);
});
process.stdin.once('end', () => process.exit(0)).resume();

function parsed(): Intent {
  const { intent, findings } = parseIntent(files);
  if (intent === undefined) throw new Error(JSON.stringify(findings[0]));
  return intent;
}

import { chmodSync, rmSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import type { Workload } from '../compile/inventory.ts';
import { openAuthority } from '../identity/authority.ts';
import { createApiServer } from '../serve/api/server.ts';
import type { HostReport } from '../serve/api/wire.ts';
import { createGrpcServer } from '../serve/grpc/server.ts';
import { XdsService } from '../serve/xds/service.ts';
import { openKekFile } from '../store/kek-file.ts';
import { openStore } from '../store/open.ts';
import type { StoredDocument } from '../store/store.ts';
import { CaController } from './ca-controller.ts';
import { Confirmations } from './confirmations.ts';
import { controlApi } from './control-api.ts';
import { ControlPlane } from './control-plane.ts';
import { type IntentSource, openIntentSource } from './intent-source.ts';
import { type Layout, makeLayout } from './layout.ts';
import { proxyAuthorizer } from './proxy-authority.ts';
import { ServerIdentity } from './server-identity.ts';
import { xdsEventSink } from './xds-events.ts';

export interface ServerOptions {
  readonly layout: Layout;
  readonly dev: boolean;
  readonly port: number;
  /** Address of the store; a SQLite file in the state folder when left out. */
  readonly store: string | undefined;
  readonly log: Log;
}

/** The control plane as one process. Resolves with what stops it. */
export async function startServer(options: ServerOptions): Promise<() => Promise<void>> {
  const { layout, log } = options;
  const clock = systemClock;
  makeLayout(layout);
  const store = await openStore(options.store ?? layout.database);
  const kek = openKekFile(layout.kekFile, systemRandom);
  const source = await openIntentSource({ dir: layout.intentDir, dev: options.dev, clock });

  const xds: XdsService = new XdsService({
    clock,
    authorize: proxyAuthorizer(
      (id) => plane.workload(id),
      () => plane.intent,
    ),
    onEvent: (event) => onXdsEvent(event),
  });
  let start = (): void => {};
  const ready = new Promise<void>((resolve) => {
    start = resolve;
  });
  const plane: ControlPlane = new ControlPlane({
    clock,
    sink: xds,
    inventory: inventoryOf(await store.list('host-report')),
    onReady: start,
  });
  const onXdsEvent = xdsEventSink({ plane, store, clock });

  const grpc = createGrpcServer({
    methods: xds.methods,
    onError: (error, path) => log.error('a call failed', { path, problem: String(error) }),
  });
  const unwatch = await follow(source, plane);
  await ready;
  const { intent } = plane;
  if (intent.kind !== 'running') throw new Error('ready without intent');
  const { trustDomain } = intent.intent.mesh;
  const authority = await openAuthority({ store, kek, trustDomain, clock, random: systemRandom });
  const identity = new ServerIdentity({ authority, clock, random: systemRandom, grpc });
  await grpc.listenTls('127.0.0.1', options.port, identity.start());

  const confirmations = new Confirmations();
  const ca = new CaController({
    ...{ authority, confirmations, clock, log },
    hosts: () => plane.inventory.map((workload) => workload.host),
  });
  ca.start();
  const api = createApiServer(
    controlApi({ plane, authority, store, xds, ca, confirmations, clock }),
  );
  rmSync(layout.controlSocket, { force: true });
  await new Promise<void>((resolve, reject) => {
    api.once('error', reject);
    api.listen(layout.controlSocket, resolve);
  });
  chmodSync(layout.controlSocket, 0o600);
  log.info('the control plane serves', { port: options.port, trustDomain });
  return async () => {
    unwatch();
    identity.stop();
    ca.stop();
    api.closeAllConnections();
    api.close();
    await grpc.close();
    await store.close();
  };
}

/** Reads now and whenever the source says so; one reading at a time, and the last change is never missed. */
async function follow(source: IntentSource, plane: ControlPlane): Promise<() => void> {
  let state: 'idle' | 'reading' | 'reading, and again' = 'idle';
  const read = async (): Promise<void> => {
    if (state !== 'idle') {
      state = 'reading, and again';
      return;
    }
    do {
      state = 'reading';
      plane.apply(await source.read());
    } while ((state as string) === 'reading, and again');
    state = 'idle';
  };
  const unwatch = source.watch(() => void read());
  await read();
  return unwatch;
}

function inventoryOf(reports: readonly StoredDocument[]): Workload[] {
  return reports.flatMap(
    ({ value }) => (JSON.parse(Buffer.from(value).toString('utf8')) as HostReport).workloads,
  );
}

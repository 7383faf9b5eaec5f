import { systemClock as clock } from '../base/clock.ts';
import { problemFields } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import type { ApiHandler } from '../serve/api/server.ts';
import { createGrpcServer } from '../serve/grpc/server.ts';
import { openKek } from '../store/kek/open.ts';
import { openStore } from '../store/open.ts';
import { HostRegistry, hostKind } from './hosts/registry.ts';
import { defaultKek, makeLayout, makeRunDir } from './layout.ts';
import { type LocalDoor, listenLocally } from './listen-locally.ts';
import { beOnlyServer } from './one-server.ts';
import { openPlane } from './open-plane.ts';
import { openSource } from './open-source.ts';
import { listenForMetrics } from './operators/metrics-listener.ts';
import { createOperations, newMetrics } from './operators/operations.ts';
import { timedStore } from './operators/timed-store.ts';
import { leadIntent } from './replicas/lead-intent.ts';
import { Replica } from './replicas/replica.ts';
import type { ServerOptions } from './server-options.ts';
import { serve } from './serving.ts';
import { startingApi } from './starting-api.ts';
import { tellSource } from './tell-source.ts';
import { withTracing } from './tracing/open-tracing.ts';

/** The control plane as one process. Resolves with what stops it. */
export async function startServer(given: ServerOptions): Promise<() => Promise<void>> {
  const metrics = newMetrics();
  const { options, tracing } = await withTracing(given, { env: process.env, clock, metrics });
  const { layout, log } = options;
  makeLayout(layout);
  const release = beOnlyServer(layout, options.store);
  const kek = await openKek(options.kek ?? defaultKek(layout), { random, env: process.env });
  const store = timedStore(await openStore(options.store ?? layout.database), metrics, clock);
  const replica = new Replica({ ...options, store, clock, random, metrics });
  await replica.start();
  const registry = await HostRegistry.open({ store, clock });
  replica.feed.follow(hostKind, registry.versions, (changes) => registry.take(changes));
  const opened = await openSource(options, metrics, replica);
  const { source, webhook, webhookFindings, pushes } = opened;
  const { plane, xds, ready, signals, revisions, proxies, gate, trouble, breakglass } =
    await openPlane({
      ...{ store, registry, replica, clock, log, metrics, tracing },
      ...{ watchMs: () => options.watchMs, takeBack: (request) => source.takeBack(request) },
    });
  const grpc = createGrpcServer({
    methods: xds.methods,
    onError: (error, path) => log.error('a call failed', { path, ...problemFields(error) }),
  });
  const { fleet, rollouts, upgrades } = revisions;
  const unread = () => revisions.follower.findings;
  const counted = { store, clock, registry, plane, xds, metrics, fleet, replica, unread };
  const operations = createOperations(counted);
  const watched =
    options.metricsAddress && (await listenForMetrics(options.metricsAddress, operations));
  const { gatekeeper, verdicts, use } = gate;
  const parts = { ...counted, source, gatekeeper, verdicts, rollouts, upgrades, operations };
  const door = await openDoor(options, startingApi({ ...parts, log }));
  const closeDoors = (): void => {
    opened.stop();
    door.close();
    watched?.closeAllConnections();
    watched?.close();
  };
  await revisions.start();
  const unfollow = tellSource(source, plane, replica);
  replica.feed.start();
  void replica.role.add(leadIntent({ plane, source, gatekeeper, verdicts, revisions, clock }));
  await ready;
  const stop = await serve({
    ...{ ...parts, options, kek, grpc, signals, revisions, door, use, trouble, tracing },
    ...{ breakglass, webhook, webhookFindings, pushes },
  }).catch((error: unknown) => {
    // Whoever opened doors that lead nowhere would keep the process from ending.
    closeDoors();
    throw error;
  });
  proxies.start();
  return async () => {
    operations.serving(undefined);
    unfollow();
    await replica.leave();
    await replica.drain(xds);
    closeDoors();
    proxies.stop();
    for (const one of [use.traffic, use.flows, use.shadows]) await one.flushed();
    await stop();
    await grpc.close();
    for (const one of [fleet, breakglass.grants, signals]) one.stop();
    await replica.stop();
    await store.close();
    release();
    await tracing.stop();
  };
}

function openDoor({ layout, log }: ServerOptions, first: ApiHandler): Promise<LocalDoor> {
  const makeFolder = (): void => makeRunDir(layout);
  return listenLocally({ socket: layout.controlSocket, makeFolder, clock, log }, first);
}

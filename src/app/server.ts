import { systemClock as clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { type Log, problemFields } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import type { KeyEncryption } from '../identity/key-encryption.ts';
import { admissionUnlessSaid } from '../model/admission.ts';
import { type ApiUse, guarded } from '../serve/api/guard.ts';
import { createHostApiServer } from '../serve/api/host-server.ts';
import type { RawCall } from '../serve/api/operator-server.ts';
import type { ApiHandler } from '../serve/api/server.ts';
import { createGrpcServer, type GrpcServer } from '../serve/grpc/server.ts';
import type { XdsService } from '../serve/xds/service.ts';
import { openKek } from '../store/kek/open.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import type { Breakglass } from './breakglass/open-breakglass.ts';
import type { CaController } from './ca-controller.ts';
import { ClockNotice } from './clock-notice.ts';
import { Confirmations } from './confirmations.ts';
import { controlApi } from './control-api.ts';
import type { ControlPlane } from './control-plane.ts';
import {
  type BundleEndpoint,
  type BundleEndpointOptions,
  createBundleEndpoint,
} from './federation/bundle-endpoint.ts';
import { Federation } from './federation/federation.ts';
import { followPeers } from './federation/follow-peers.ts';
import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { Verdicts } from './gate/verdicts.ts';
import { Admissions } from './hosts/admissions.ts';
import { Attestations } from './hosts/attestation.ts';
import { hostAttestors } from './hosts/attestors.ts';
import { hostApi, join } from './hosts/host-api.ts';
import { hostFindings } from './hosts/host-findings.ts';
import { HostTroubles } from './hosts/host-troubles.ts';
import { HostRegistry, hostKind } from './hosts/registry.ts';
import { HostReports } from './hosts/reports.ts';
import { SilentAgents } from './hosts/silent-agents.ts';
import type { IntentSource, Signing } from './intent-source.ts';
import { defaultKek, type Layout, makeLayout, makeRunDir } from './layout.ts';
import { type LocalDoor, listenLocally } from './listen-locally.ts';
import { Notices } from './notices.ts';
import { beOnlyServer } from './one-server.ts';
import { openCa } from './open-ca.ts';
import { openPlane } from './open-plane.ts';
import type { RemoteOptions } from './open-remote.ts';
import { openSource } from './open-source.ts';
import { listenForMetrics, type MetricsAddress } from './operators/metrics-listener.ts';
import { createOperations, newMetrics, type Operations } from './operators/operations.ts';
import {
  createOperatorApi,
  type OperatorApiOptions,
  operatorAudit,
} from './operators/operator-api.ts';
import { timedStore } from './operators/timed-store.ts';
import { recordPast } from './record-past.ts';
import { leadIntent } from './replicas/lead-intent.ts';
import type { Revisions } from './replicas/open-revisions.ts';
import { Orders } from './replicas/orders.ts';
import type { PushHints } from './replicas/push-hints.ts';
import { Replica } from './replicas/replica.ts';
import { shareReplica } from './replicas/share.ts';
import type { SharedSignals } from './replicas/shared-signals.ts';
import { ServerIdentity } from './server-identity.ts';
import type { Shadows } from './shadow/shadows.ts';
import { startingApi } from './starting-api.ts';
import { tlsDoors } from './tls-doors.ts';
import { withTracing } from './tracing/open-tracing.ts';
import type { Tracing } from './tracing/tracing.ts';
import type { FlowLog } from './traffic/flow-log.ts';
import type { TrafficLog } from './traffic/traffic-log.ts';
import type { Trouble } from './trouble.ts';
import type { UpstreamFiles } from './upstream-files.ts';

export interface ServerOptions {
  readonly layout: Layout;
  readonly dev: boolean;
  /** Intent of a repository elsewhere; that of the intent folder when left out. */
  readonly remote: RemoteOptions | undefined;
  readonly signing: Signing;
  /** Where proxies and hosts reach it; 127.0.0.1 for a mesh of one machine. */
  readonly listen: string;
  /** The name or address that new hosts are told. */
  readonly advertise: string;
  /** How long a wave of a commit is looked at before the next one. */
  readonly watchMs: number;
  readonly port: number;
  readonly agentPort: number;
  /** Address of the store; a SQLite file in the state folder when left out. */
  readonly store: string | undefined;
  /** Name of the key-encryption key; a file in the state folder when left out. */
  readonly kek: string | undefined;
  /** Serves the mesh's own bundle to other trust domains. */
  readonly bundleEndpoint: BundleEndpointOptions | undefined;
  /** The operators' API over TCP, beside the unix socket; none when left out. */
  readonly operatorApi: OperatorApiOptions | undefined;
  /** Health and metrics without TLS; on no port of their own when left out. */
  readonly metricsAddress: MetricsAddress | undefined;
  /** The company's CA in files; a root of our own when left out. */
  readonly upstream: UpstreamFiles | undefined;
  /** Where traces of commits go; what the environment says when left out. */
  readonly otlpEndpoint: string | undefined;
  readonly log: Log;
}

/** What there is before any intent: the store, who its hosts are, and the configuration of proxies. */
interface Foundation {
  readonly options: ServerOptions;
  readonly source: IntentSource;
  readonly store: Store;
  readonly kek: KeyEncryption;
  readonly registry: HostRegistry;
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly grpc: GrpcServer;
  readonly signals: SharedSignals;
  readonly revisions: Revisions;
  readonly replica: Replica;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
  readonly operations: Operations;
  readonly trouble: Trouble;
  readonly door: LocalDoor;
  readonly breakglass: Breakglass;
  readonly use: {
    readonly traffic: TrafficLog;
    readonly flows: FlowLog;
    readonly shadows: Shadows;
  };
  readonly webhook: RawCall | undefined;
  readonly webhookFindings: () => readonly Finding[];
  readonly pushes: PushHints;
  readonly tracing: Tracing;
}

/** What comes must stand on what was accepted, and need not on what was taken back. */
function tellSource(source: IntentSource, plane: ControlPlane, replica: Replica): () => void {
  // A copy that begins later than a commit cannot tell of it.
  if (!replica.isLeading) void source.keepUp?.();
  return plane.events.follow((event) => {
    const { intent } = plane;
    if (!replica.isLeading || intent.kind === 'empty') return;
    const isBack = event.kind === 'rollout' && event.rollout.state.kind === 'taken-back';
    if (event.kind === 'accepted' || isBack) void source.accepted?.(intent.tree.commit);
  });
}

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
      ...{ store, registry, replica, log, metrics, tracing, watchMs: () => options.watchMs },
      takeBack: (request) => source.takeBack(request),
    });
  const grpc = createGrpcServer({
    methods: xds.methods,
    onError: (error, path) => log.error('a call failed', { path, ...problemFields(error) }),
  });
  const { fleet, rollouts } = revisions;
  const counted = { store, clock, registry, plane, xds, metrics, fleet, replica };
  const operations = createOperations(counted);
  const watched =
    options.metricsAddress && (await listenForMetrics(options.metricsAddress, operations));
  const { gatekeeper, verdicts, use } = gate;
  const parts = { ...counted, source, gatekeeper, verdicts, rollouts, operations };
  const door = await openDoor(options, startingApi(parts));
  const closeDoors = (): void => {
    opened.stop();
    door.close();
    watched?.closeAllConnections();
    watched?.close();
  };
  await revisions.follower.catchUp();
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

/** Hosts that were away with their control plane come back by themselves within this. */
const comeBackMs = 60_000;

/** Opens the CA, then everything that needs it, and only then its doors. */
async function serve(foundation: Foundation): Promise<() => Promise<void>> {
  const { options, store, kek, registry, plane, grpc, signals, operations } = foundation;
  const { replica, revisions } = foundation;
  const { layout, log, port, agentPort, bundleEndpoint } = options;
  const { intent } = plane;
  if (intent.kind !== 'running') throw new Error('ready without intent');
  const { trustDomain } = intent.intent.mesh;
  const confirmations = new Confirmations();
  const { authority, ca } = await openCa({
    ...{ plane, store, fenced: replica.fenced, kek, trustDomain, confirmations, log },
    isLeading: () => replica.isLeading,
    hosts: () => registry.active.map(({ name }) => name),
    partnersNoticeMs: () => endpoint?.noticeMs ?? 0,
    upstream: options.upstream,
    dir: layout.intentDir,
  });
  const federation = openFederation(replica, authority, log);
  const unfollow = await followPeers(plane, federation, log);
  const endpoint =
    bundleEndpoint && createBundleEndpoint({ ...bundleEndpoint, authority, clock, log });
  const toldFromMs = clock.monotonicMs() + comeBackMs;
  const reports = new HostReports({ ...foundation, ...foundation.use, confirmations, clock, log });
  const clockNotice: ClockNotice = new ClockNotice(clock, log, (jumpedMs) => {
    identity.replan(jumpedMs);
    foundation.breakglass.grants.clockJumped();
  });
  const hostTroubles = new HostTroubles({ registry, reports });
  const notices = lastingNotices(foundation, [
    () => ca.findings,
    () => clockNotice.findings,
    () => hostTroubles.look(),
    () =>
      clock.monotonicMs() < toldFromMs
        ? []
        : hostFindings({ registry, reports, clock }, layout.intentDir),
  ]);
  const hangs = hostTroubles.hangs.bind(hostTroubles);
  const trust = { authority, ca, reports, notices, federation, endpoint, hangs };
  const { control, operators, hosts } = handlers(foundation, trust);
  const hostServer = createHostApiServer({ handler: hosts, trustDomain });
  registry.onCut((host) => hostServer.cut(host));
  // What has ended is mended first: then there is something to sign with.
  await shareReplica({ replica, reports, signals, authority, ca, federation });
  recordPast({ ...foundation, ...trust, fleet: revisions.fleet, clock });
  const tcp =
    options.operatorApi &&
    createOperatorApi(options.operatorApi, { ...foundation, handler: control, clock, log });
  const doors = tlsDoors(options, { grpc, hosts: hostServer, endpoint, operators: tcp });
  const { servers } = doors;
  const identity: ServerIdentity = new ServerIdentity({ authority, clock, random, log, servers });
  await identity.start(doors.open).catch((error: unknown) => {
    identity.stop();
    throw error;
  });
  foundation.door.serve(operators);
  operations.serving({ authority, notices, hostTroubles });
  notices.start();
  clockNotice.start();
  log.info('the control plane serves', { port, agentPort, trustDomain, kek: kek.id });
  return async () => {
    for (const one of [identity, notices, clockNotice]) one.stop();
    doors.close();
    unfollow();
    await federation.stop();
    await store.flush();
  };
}

/** What a person must know for as long as it holds. */
function lastingNotices(
  foundation: Foundation,
  more: readonly (() => readonly Finding[])[],
): Notices {
  const { source, plane, revisions, tracing, replica, breakglass, trouble, use } = foundation;
  const silentAgents = new SilentAgents({ plane, fleet: revisions.fleet, clock });
  return new Notices({
    sources: [
      () => [...(source.findings ?? []), ...foundation.webhookFindings()],
      () => [...revisions.rollouts.findings, ...revisions.desks.findings],
      () => [...tracing.findings, ...use.shadows.findings],
      () => [...replica.findings, ...breakglass.findings],
      () => [...trouble.look(), ...silentAgents.look()],
      ...more,
    ],
    onNew: (finding) => plane.events.emit({ kind: 'problem', finding }),
    clock,
  });
}

function openFederation(replica: Replica, authority: Authority, log: Log): Federation {
  const own = () => authority.news.bundle;
  const isLeading = () => replica.isLeading;
  return new Federation({ store: replica.fenced, clock, log, own, isLeading });
}

interface TrustParts {
  readonly authority: Authority;
  readonly ca: CaController;
  readonly reports: HostReports;
  readonly notices: Notices;
  readonly federation: Federation;
  readonly endpoint: BundleEndpoint | undefined;
  readonly hangs: HostTroubles['hangs'];
}

function handlers(foundation: Foundation, trust: TrustParts) {
  const { authority, ca, reports, notices, federation, endpoint, hangs } = trust;
  const {
    options,
    source,
    store,
    kek,
    registry,
    plane,
    xds,
    revisions,
    replica,
    gatekeeper,
    verdicts,
    operations,
    use,
  } = foundation;
  const { rollouts, fleet } = revisions;
  const { log, advertise, agentPort } = options;
  const admission = () => plane.mesh?.hosts ?? admissionUnlessSaid;
  registry.onCut((host) => reports.forget(host));
  const admissions = new Admissions({
    ...{ authority, registry, store, clock, log },
    attestations: new Attestations(clock, random),
    ttlSeconds: () => plane.mesh?.defaults.svidTtlSeconds ?? 0,
  });
  const attestors = hostAttestors({ store, random, registry, admission });
  const parts = {
    ...{ plane, authority, federation, store, clock, registry, admissions, reports },
    watches: replica.watches,
    shadows: use.shadows,
  };
  const address = { host: advertise, port: agentPort };
  const audit = operatorAudit({ store, clock });
  const all = controlApi({
    ...{
      ...parts,
      xds,
      rollouts,
      ca,
      notices,
      random,
      admission,
      address,
      endpoint,
      source,
      hangs,
    },
    ...use,
    ...{ gatekeeper, verdicts, operations, fleet, replica, ...foundation.breakglass },
  });
  const { pushes } = foundation;
  const orders = new Orders({
    ...{ store, kek, clock, random, log, replica },
    handler: async (request) => pushes.ordered(request) ?? all(request),
  });
  pushes.through(orders);
  const onUse = (use: ApiUse): void => {
    operations.onUse(use);
    audit(use);
  };
  const control = guarded(orders.handle, onUse, operations.onUnserved);
  const operators: ApiHandler = async (request) =>
    (await join(parts, attestors.local, request)) ?? control(request);
  return { control, operators, hosts: hostApi(parts, attestors.remote) };
}

import { systemClock as clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import type { Log } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import { createHostApiServer } from '../serve/api/host-server.ts';
import { carriedFindings } from './carried-findings.ts';
import { ClockNotice } from './clock-notice.ts';
import { Confirmations } from './confirmations.ts';
import { createBundleEndpoint } from './federation/bundle-endpoint.ts';
import { Federation } from './federation/federation.ts';
import { followPeers } from './federation/follow-peers.ts';
import type { Foundation } from './foundation.ts';
import { hostFindings } from './hosts/host-findings.ts';
import { HostTroubles } from './hosts/host-troubles.ts';
import { HostReports } from './hosts/reports.ts';
import { SilentAgents } from './hosts/silent-agents.ts';
import { Notices } from './notices.ts';
import { openCa } from './open-ca.ts';
import { createOperatorApi } from './operators/operator-api.ts';
import { recordPast } from './record-past.ts';
import type { Replica } from './replicas/replica.ts';
import { shareReplica } from './replicas/share.ts';
import { handlers } from './server-handlers.ts';
import { ServerIdentity } from './server-identity.ts';
import { tlsDoors } from './tls-doors.ts';
import { upgradeFindings } from './upgrade/upgrade-report.ts';

/** Hosts that were away with their control plane come back by themselves within this. */
const comeBackMs = 60_000;

/** Opens the CA, then everything that needs it, and only then its doors. */
export async function serve(foundation: Foundation): Promise<() => Promise<void>> {
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
      () => [...revisions.follower.findings, ...carriedFindings(plane.carried)],
      () => upgradeFindings({ publisher: plane.publisher, upgrades: revisions.upgrades }),
      () => [...tracing.findings, ...use.shadows.findings],
      () => [...replica.findings, ...breakglass.findings, ...revisions.pool.findings],
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

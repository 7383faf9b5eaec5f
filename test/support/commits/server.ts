import { breakglassApi } from '../../../src/app/breakglass/breakglass-api.ts';
import { Confirmations } from '../../../src/app/confirmations.ts';
import type { Gate } from '../../../src/app/gate/candidate.ts';
import { gateApi } from '../../../src/app/gate/gate-api.ts';
import { HostRegistry, hostKind } from '../../../src/app/hosts/registry.ts';
import { HostReports, reportKind } from '../../../src/app/hosts/reports.ts';
import type { IntentSource, TakeBackRequest } from '../../../src/app/intent-source.ts';
import { openPlane } from '../../../src/app/open-plane.ts';
import type { RemoteOptions } from '../../../src/app/open-remote.ts';
import { newMetrics } from '../../../src/app/operators/operations.ts';
import { leadIntent } from '../../../src/app/replicas/lead-intent.ts';
import { Replica } from '../../../src/app/replicas/replica.ts';
import { signalsKind } from '../../../src/app/replicas/shared-signals.ts';
import { tellSource } from '../../../src/app/tell-source.ts';
import { noTracing } from '../../../src/app/tracing/tracing.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Finding } from '../../../src/base/finding.ts';
import type { Log } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Result } from '../../../src/base/result.ts';
import type { CommitReply } from '../../../src/client/gen/api.ts';
import type { TakenBack } from '../../../src/git/take-back.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { ApiRequest } from '../../../src/serve/api/server.ts';
import { paths } from '../../../src/serve/api/wire.ts';
import type { History } from './history.ts';
import type { ProcessClock } from './process-clock.ts';
import { type MirrorDisk, type RemoteState, remoteSource, remoteUrl } from './remote.ts';
import type { MemoryStore } from './shared-store.ts';
import type { SimVersion } from './version.ts';

export interface ServerParts {
  readonly clock: ProcessClock;
  readonly store: MemoryStore;
  readonly random: Random;
  readonly port: number;
  readonly history: History;
  readonly watchMs: number;
  readonly log: Log;
  readonly envoy: Gate;
  /** Of the program. */
  readonly version: SimVersion;
  /** How long the watcher of the branch takes to say that it moved. */
  readonly noticeMs: () => number;
  /** The repository elsewhere that it follows; undefined: a folder. */
  readonly remote: RemoteState | undefined;
  readonly disk: MirrorDisk;
  readonly takeBack: (
    request: TakeBackRequest,
    clock: Clock,
  ) => Promise<Result<TakenBack, Finding>>;
}

/** All replicas follow the same. */
const remote = {
  address: { url: remoteUrl } as RemoteOptions['address'],
  branch: 'main',
  prefix: '',
};

/** A control plane of all its real parts but sockets, Git and Envoy; `kill` is what SIGKILL is to a process. */
export type SimServer = Awaited<ReturnType<typeof openServer>>;

export async function openServer(parts: ServerParts) {
  const { clock, store, random, log } = parts;
  const metrics = newMetrics();
  const replica = new Replica({
    ...{ store, port: parts.port, clock, random, log, metrics, remote },
  });
  await replica.start();
  const registry = await HostRegistry.open({ store, clock });
  replica.feed.follow(hostKind, registry.versions, (changes) => registry.take(changes));
  const folder = sourceOf(parts, clock);
  const source =
    parts.remote === undefined ? folder : remoteSource({ ...parts, remote: parts.remote }, folder);
  const opened = await openPlane({
    ...{ store, registry, replica, clock, log, metrics, tracing: noTracing, envoy: parts.envoy },
    ...{ watchMs: () => parts.watchMs, takeBack: (request) => source.takeBack(request) },
    ...{ compile: parts.version.compile, version: parts.version.name },
  });
  const { plane, xds, revisions, gate, trouble, breakglass, signals } = opened;
  const { gatekeeper, verdicts, use } = gate;
  const { rollouts, upgrades, fleet, follower, desks } = revisions;
  let told: Rollout | undefined;
  plane.events.follow((event) => {
    if (event.kind === 'rollout') told = event.rollout;
  });
  await revisions.start();
  tellSource(source, plane, replica);
  replica.feed.start();
  void replica.role.add(leadIntent({ plane, source, gatekeeper, verdicts, revisions, clock }));
  await opened.ready;
  const reports = new HostReports({
    ...{ plane, store, confirmations: new Confirmations(), signals, revisions, breakglass },
    ...{ ...use, clock, log },
  });
  replica.feed.follow(reportKind, [], (changes) => reports.follow(changes));
  replica.feed.follow(signalsKind, [], (changes) => signals.take(changes));
  replica.feed.compare();
  const gateParts = { plane, fleet, source, gatekeeper, verdicts, rollouts, replica };
  const [method] = xds.methods;
  if (method === undefined) throw new Error('there is no method');
  return {
    ...{ plane, xds, rollouts, gatekeeper, verdicts, reports, replica, breakglass, method, clock },
    ...{ fleet, store, metrics, upgrades, port: parts.port, version: parts.version },
    /** It reads from the store what it is to be. */
    get isTaking() {
      return follower.isTaking;
    },
    answer: async (commit: string): Promise<CommitReply> => {
      const request = { method: 'GET', path: `${paths.verdicts}/${commit}`, body: undefined };
      const reply = await gateApi(gateParts, request as never);
      if (reply?.kind !== 'json') throw new Error('no answer');
      return JSON.parse(JSON.stringify(reply.body)) as CommitReply;
    },
    /** A person lets through what waits, or what the branch was rewound to. */
    approve: (commit: string) =>
      gateApi(gateParts, {
        ...{ method: 'POST', path: paths.approvals, body: { commit, by: 'ann' } },
      } as never),
    /** Where a rollout is, as whoever watches was told. */
    get told() {
      return told ?? rollouts.all[0];
    },
    /** An operator asks the one that leads. */
    operate: (request: Pick<ApiRequest, 'method' | 'path' | 'body'>) =>
      breakglassApi({ ...breakglass, store, random, plane, registry, reports, fleet, clock }, {
        query: new URLSearchParams(),
        ...request,
      } as unknown as ApiRequest),
    findings: (): readonly Finding[] => [
      ...rollouts.findings,
      ...desks.findings,
      ...trouble.look(),
      ...replica.findings,
      ...breakglass.findings,
    ],
    kill: (): void => {
      clock.kill();
      store.kill();
    },
  };
}

function sourceOf(parts: ServerParts, clock: Clock): IntentSource {
  const { history } = parts;
  return {
    read: async () => ({ kind: 'tree', tree: history.tree(history.head.id) }),
    at: async (commit) => (history.commits.has(commit) ? history.tree(commit) : undefined),
    place: async (commit) => ({
      ...{ follows: 'HEAD of the folder', standing: history.standing(commit) },
      head: history.head.id,
    }),
    carried: async (commit, newer) => history.carried(commit, newer),
    watch: (onChange) => history.watch(() => void clock.after(parts.noticeMs(), () => onChange())),
    takeBack: (request) => parts.takeBack(request, clock),
  };
}

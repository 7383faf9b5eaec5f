import { ControlPlane } from '../../src/app/control-plane.ts';
import { type Candidate, compileCandidate, type Gate } from '../../src/app/gate/candidate.ts';
import { Gatekeeper } from '../../src/app/gate/gatekeeper.ts';
import { gates } from '../../src/app/gate/gates.ts';
import type { HostShows } from '../../src/app/gate/identities.ts';
import { Verdicts } from '../../src/app/gate/verdicts.ts';
import type { IntentTree, TreeReading } from '../../src/app/intent-source.ts';
import { noTracing, type Tracing } from '../../src/app/tracing/tracing.ts';
import type { Traffic } from '../../src/app/traffic/traffic-log.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import type { Inventory, Workload, WorkloadId } from '../../src/compile/inventory.ts';
import { compileRevision } from '../../src/compile/revision.ts';
import type { Trailers } from '../../src/git/trailers.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { Intent, ServiceName, VersionName } from '../../src/model/types.ts';
import { openStore } from '../../src/store/open.ts';

export type Files = Readonly<Record<string, string>>;

export const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

export const meshFile = 'mesh: m\ntrust_domain: m.test\n';

/** On a port of its own, by its first letter. */
export function serviceFile(name: string, rest = ''): string {
  const port = 8_000 + name.charCodeAt(0);
  return `service: ${name}\nowner: team\nprotocol: http\nport: ${port}\n${rest}`;
}

export function treeOf(commit: string, files: Files, trailers: Trailers = new Map()): IntentTree {
  return { commit, subject: `commit ${commit}`, files: new Map(Object.entries(files)), trailers };
}

export function readingOf(commit: string, files: Files, trailers?: Trailers): TreeReading {
  return { kind: 'tree', tree: treeOf(commit, files, trailers) };
}

export function intentOf(files: Files): Intent {
  const { intent, findings } = parseIntent(new Map(Object.entries(files)));
  if (intent === undefined) throw new Error(JSON.stringify(findings));
  return intent;
}

export function workloadOf(service: string, state: Workload['state'] = 'ready'): Workload {
  return {
    id: `${service}-v1` as WorkloadId,
    service: service as ServiceName,
    version: 'v1' as VersionName,
    host: 'local',
    address: '127.0.0.1',
    egressPort: 15_001,
    ingressPort: 15_101,
    appPort: 8080,
    state,
  };
}

/** What the gates see when `before` runs on these workloads and `after` comes. */
export function candidateOf(
  before: Files | undefined,
  after: Files,
  inventory: Inventory,
): Candidate {
  const intent = before === undefined ? undefined : intentOf(before);
  const base = intent && {
    commit: 'before',
    intent,
    snapshots: compileRevision(intent, inventory).snapshots,
  };
  return compileCandidate(treeOf('after', after), intentOf(after), { base, inventory });
}

export const noTraffic: Traffic = { edge: () => undefined, rule: () => undefined };

/** A control plane behind its gates, without proxies; a store in memory. */
export async function gateWorld(
  options: {
    readonly inventory?: Inventory;
    readonly gates?: readonly Gate[];
    readonly traffic?: Traffic;
    readonly hostShows?: HostShows;
    readonly envoy?: Gate;
    readonly onPublish?: (proxy: WorkloadId) => void;
    readonly tracing?: Tracing;
    readonly keep?: () => Promise<boolean>;
    readonly isUnread?: (commit: string) => boolean;
    /** False: what is accepted stays on its way. */
    readonly settles?: boolean;
    readonly isLeading?: () => boolean;
  } = {},
) {
  const { inventory = [], traffic = noTraffic, envoy, onPublish = () => {} } = options;
  const { hostShows = () => undefined, keep = async () => true, settles = true } = options;
  const { isUnread = () => false } = options;
  const store = await openStore(':memory:');
  const plane: ControlPlane = new ControlPlane({
    clock,
    sink: { publish: onPublish, retire: () => {} },
    inventory,
    onReady: () => {},
    onAccepting: () => {},
    onStayed: () => {},
    onAccepted: ({ tree, intent }) => {
      plane.publisher.propose(intent, { id: tree.commit, subject: tree.subject });
      if (settles) plane.settle();
    },
  });
  const verdicts = await Verdicts.open({ store, clock, log: silent });
  const rails = gates({ envoy, traffic, hostShows, nowMs: () => clock.nowMs() });
  const tracing = options.tracing ?? noTracing;
  plane.events.follow((event) => tracing.onEvent(event));
  const gatekeeper = new Gatekeeper({
    ...{ plane, clock, verdicts, gates: options.gates ?? rails, tracing },
    ...{ keep, isUnread, isLeading: options.isLeading ?? (() => true) },
  });
  return {
    ...{ store, plane, verdicts, gatekeeper },
    running: () => (plane.intent.kind === 'running' ? plane.intent.tree.commit : undefined),
    verdict: (commit: string) => verdicts.get(commit)?.verdict.kind,
  };
}

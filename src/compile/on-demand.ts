import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { OnDemandSchema } from '../gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js';
import type { HttpFilter } from './http.ts';
import type { WorkloadId } from './inventory.ts';
import { keepNamed, type Named } from './keep.ts';
import { any, duration } from './pack.ts';
import { type Resource, type Snapshot, typeUrls } from './resource.ts';
import type { SharedService } from './shared-service.ts';

/**
 * A service that may call more than this is sent no cluster before its first request: few proxies call more, and each
 * cluster costs its Envoy some 50 KB, its statistics and a place in every start.
 */
export const calleesSentMax = 200;
/** A request waits for its cluster no longer than for a connection; the control plane answers in milliseconds. */
const clusterWaitMs = 5_000;

/**
 * Holds a request whose route names a cluster that the proxy does not have, and asks for it by name on the stream of
 * everything else. In every proxy, so that a service that comes to call more changes its routes and no listener.
 */
export const clustersOnDemand: HttpFilter = {
  name: 'envoy.filters.http.on_demand',
  configType: {
    case: 'typedConfig',
    value: any(OnDemandSchema, {
      odcds: {
        source: {
          resourceApiVersion: ApiVersion.V3,
          configSourceSpecifier: { case: 'ads', value: {} },
        },
        timeout: duration(clusterWaitMs),
      },
    }),
  },
};

/** What a proxy is offered beside its snapshot, by workload; of most of them nothing. */
export type Offers = ReadonlyMap<WorkloadId, Snapshot>;

export const nothingOffered: Snapshot = new Map();

/** What goes to all workloads of a service, and what they get when they ask. TCP listeners name clusters that must be there. */
export function splitCallees(callees: readonly SharedService[]): {
  readonly sent: readonly SharedService[];
  readonly onDemand: readonly SharedService[];
} {
  if (callees.length <= calleesSentMax) return { sent: callees, onDemand: [] };
  const isTcp = ({ service }: SharedService): boolean => service.protocol === 'tcp';
  return { sent: callees.filter(isTcp), onDemand: callees.filter((one) => !isTcp(one)) };
}

/** `known` is what was offered before; it is kept where it says the same. */
export function offerOf(
  callees: readonly SharedService[],
  known: Snapshot | undefined,
): Snapshot | undefined {
  if (callees.length === 0) return undefined;
  const named = (type: keyof typeof typeUrls, all: readonly Resource[]): Named =>
    keepNamed(known?.get(typeUrls[type]), all);
  const clusters = named(
    'cluster',
    callees.flatMap((callee) => callee.clusters),
  );
  const endpoints = named(
    'endpoints',
    callees.flatMap((callee) => callee.endpoints),
  );
  const isKept =
    known?.get(typeUrls.cluster) === clusters && known.get(typeUrls.endpoints) === endpoints;
  if (isKept) return known;
  return new Map([
    [typeUrls.cluster, clusters],
    [typeUrls.endpoints, endpoints],
  ]);
}

/** All that each proxy may come to have. */
export function withOffers(revision: {
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
  readonly offers: Offers;
}): ReadonlyMap<WorkloadId, Snapshot> {
  const { snapshots, offers } = revision;
  if (offers.size === 0) return snapshots;
  return new Map([...snapshots].map(([id, snapshot]) => [id, withOffer(snapshot, offers.get(id))]));
}

function withOffer(snapshot: Snapshot, offer: Snapshot = nothingOffered): Snapshot {
  if (offer.size === 0) return snapshot;
  const whole = new Map(snapshot);
  for (const [type, resources] of offer) {
    whole.set(type, new Map([...(snapshot.get(type) ?? []), ...resources]));
  }
  return whole;
}

import { sameItems } from '../model/changes.ts';
import type { DeskPlace, Intent, Service } from '../model/types.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { deskClusters } from './desk-service.ts';
import { httpPolicy } from './http-policy.ts';
import { keepList, keepNamed, keepResource, type Named } from './keep.ts';
import { egressRoutes, ingressRoutes } from './names.ts';
import { offerOf, splitCallees } from './on-demand.ts';
import type { Resource, Snapshot } from './resource.ts';
import { egressRouteConfiguration } from './routes-egress.ts';
import { ingressRouteConfiguration } from './routes-ingress.ts';
import type { SharedService } from './shared-service.ts';
import { tcpPolicy } from './tcp-authorization.ts';
import { tcpCallers } from './tcp-callers.ts';
import { tcpGate } from './tcp-gate.ts';

/** What all workloads of one service have in common; their snapshots share these maps. */
export interface Caller {
  readonly service: Service;
  /** Whom its proxies ask. */
  readonly desk: DeskPlace;
  readonly callees: readonly SharedService[];
  /** Of the callees that are sent, and the desks; each workload adds the cluster of its application. */
  readonly clusters: readonly Resource[];
  readonly endpoints: Named;
  /** What its proxies get when they ask; undefined where they are sent everything. */
  readonly offer: Snapshot | undefined;
  readonly routes: Named;
  readonly extensions: Named;
  readonly runtime: Named;
}

interface CallerSources {
  readonly intent: Intent;
  readonly document: PolicyDocument;
  readonly service: Service;
  readonly callees: readonly SharedService[];
  /** Whether a rule of the service may mean other callers than before. */
  readonly ruled: boolean;
}

export function compileCaller(sources: CallerSources, known: Caller | undefined): Caller {
  const { service, intent } = sources;
  const callees = keepList(known?.callees, sources.callees);
  const { sent, onDemand } = splitCallees(callees);
  const { clusters, routes, extensions, runtime } = hasSameWays(known, sources)
    ? known
    : waysOf({ ...sources, callees }, sent, known);
  return {
    service,
    desk: intent.mesh.defaults.desk,
    callees,
    clusters,
    endpoints: keepNamed(known?.endpoints, endpointsOf(sent)),
    offer: offerOf(onDemand, known?.offer),
    routes,
    extensions,
    runtime,
  };
}

/** Everything but where the callees are, which changes most often by far. */
type Ways = Pick<Caller, 'clusters' | 'routes' | 'extensions' | 'runtime'>;

/** A mesh.yaml with other desks rules every service anew. */
function hasSameWays(
  known: Caller | undefined,
  { service, callees, ruled }: CallerSources,
): known is Caller {
  if (ruled || known?.service !== service || known.callees.length !== callees.length) return false;
  return callees.every((callee, index) => {
    const before = known.callees[index];
    return callee === before || sameButPlaces(before, callee);
  });
}

function sameButPlaces(before: SharedService | undefined, now: SharedService): boolean {
  return (
    before?.service === now.service &&
    before.clusters === now.clusters &&
    before.virtualHost === now.virtualHost
  );
}

function waysOf(
  sources: CallerSources,
  sent: readonly SharedService[],
  known: Caller | undefined,
): Ways {
  const { service, callees } = sources;
  const routes = [egressRoutesOf(service, callees, known)];
  if (service.protocol !== 'tcp') routes.push(ingressRoutesOf(service, known));
  const clusters = [...sent.flatMap((callee) => callee.clusters), ...desksOf(sources, known)];
  return {
    clusters: keepList(known?.clusters, clusters),
    routes: keepNamed(known?.routes, routes),
    extensions: policyOf(sources, known),
    runtime: runtimeOf(sources, known),
  };
}

function endpointsOf(callees: readonly SharedService[]): readonly Resource[] {
  const endpoints: Resource[] = [];
  for (const callee of callees) endpoints.push(...callee.endpoints);
  return endpoints;
}

function desksOf({ intent }: CallerSources, known: Caller | undefined): readonly Resource[] {
  return deskClusters(intent.mesh).map((one) =>
    keepResource(
      known?.clusters.find(({ name }) => name === one.name),
      one,
    ),
  );
}

function egressRoutesOf(
  caller: Service,
  callees: readonly SharedService[],
  known: Caller | undefined,
): Resource {
  const before = known?.routes.get(egressRoutes);
  const hosts = virtualHosts(callees);
  const isSame = known?.service === caller && sameItems(virtualHosts(known.callees), hosts);
  if (isSame && before !== undefined) return before;
  return keepResource(before, egressRouteConfiguration({ caller, virtualHosts: hosts }));
}

function virtualHosts(callees: readonly SharedService[]) {
  return callees.flatMap(({ service, virtualHost }) =>
    service.protocol === 'tcp' ? [] : [virtualHost],
  );
}

function ingressRoutesOf(service: Service, known: Caller | undefined): Resource {
  const before = known?.routes.get(ingressRoutes);
  if (known?.service === service && before !== undefined) return before;
  return keepResource(before, ingressRouteConfiguration(service));
}

function policyOf(sources: CallerSources, known: Caller | undefined): Named {
  const { intent, document, service, ruled } = sources;
  if (known !== undefined && !ruled) return known.extensions;
  const policies =
    service.protocol === 'tcp'
      ? [tcpGate(intent, service), tcpPolicy(intent, service)]
      : [httpPolicy(intent, document, service)];
  return keepNamed(
    known?.extensions,
    policies.map((one) => keepResource(known?.extensions.get(one.name), one)),
  );
}

function runtimeOf({ intent, service, ruled }: CallerSources, known: Caller | undefined): Named {
  if (known !== undefined && !ruled) return known.runtime;
  const layers = service.protocol === 'tcp' ? [tcpCallers(intent, service)] : [];
  return keepNamed(
    known?.runtime,
    layers.map((one) => keepResource(known?.runtime.get(one.name), one)),
  );
}

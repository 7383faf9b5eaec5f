import type { Service } from '../model/types.ts';
import type { Caller } from './caller.ts';
import { localAppCluster } from './clusters.ts';
import type { Workload } from './inventory.ts';
import { sameProxy } from './inventory-index.ts';
import { keepNamed, keepResource, type Named } from './keep.ts';
import { egressHttpListener, egressTcpListener, ingressListenerFor } from './listeners.ts';
import { appCluster } from './names.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from './resource.ts';

/** What one proxy was compiled from, and its snapshot. */
export interface CompiledProxy {
  readonly workload: Workload;
  readonly caller: Caller;
  readonly snapshot: Snapshot;
}

const nothing: Named = new Map();

/** `twin` is another workload of the service: what both have is one object. */
export function compileProxy(
  caller: Caller,
  workload: Workload,
  known: CompiledProxy | undefined,
  twin: CompiledProxy | undefined,
): CompiledProxy {
  const parts: Readonly<Record<keyof typeof typeUrls, Named>> = {
    secret: nothing,
    cluster: clustersOf(caller, workload, known, twin),
    runtime: caller.runtime,
    endpoints: caller.endpoints,
    listener: listenersOf(caller, workload, known),
    routes: caller.routes,
    extension: caller.extensions,
  };
  const isKept = (Object.keys(typeUrls) as (keyof typeof typeUrls)[]).every(
    (type) => known?.snapshot.get(typeUrls[type]) === parts[type],
  );
  return { workload, caller, snapshot: isKept && known ? known.snapshot : snapshotOf(parts) };
}

function snapshotOf(parts: Readonly<Record<keyof typeof typeUrls, Named>>): Snapshot {
  const snapshot = new Map<TypeUrl, Named>();
  for (const type of Object.keys(typeUrls) as (keyof typeof typeUrls)[])
    snapshot.set(typeUrls[type], parts[type]);
  return snapshot;
}

function clustersOf(
  caller: Caller,
  workload: Workload,
  known: CompiledProxy | undefined,
  twin: CompiledProxy | undefined,
): Named {
  const app = appClusterOf(caller.service, workload, known ?? twin);
  const before = known?.snapshot.get(typeUrls.cluster);
  const isKept = known?.caller.clusters === caller.clusters && before?.get(app.name) === app;
  if (isKept && before !== undefined) return before;
  const list = [...caller.clusters, app];
  const own = keepNamed(before, list);
  return own === before ? own : keepNamed(twin?.snapshot.get(typeUrls.cluster), list);
}

function appClusterOf(
  service: Service,
  workload: Workload,
  known: CompiledProxy | undefined,
): Resource {
  const before = known?.snapshot.get(typeUrls.cluster)?.get(appCluster);
  const isSame = known?.caller.service === service && known.workload.appPort === workload.appPort;
  if (isSame && before !== undefined) return before;
  return keepResource(before, localAppCluster(service, workload.appPort));
}

function listenersOf(caller: Caller, workload: Workload, known: CompiledProxy | undefined): Named {
  const before = known?.snapshot.get(typeUrls.listener);
  if (before !== undefined && known !== undefined && sameListeners(known, caller, workload)) {
    return before;
  }
  const { service, desk } = caller;
  const listeners = [
    egressHttpListener(service, workload, desk),
    ingressListenerFor(service, workload, desk),
    ...tcpListeners(caller, workload),
  ];
  return keepNamed(
    before,
    listeners.map((one) => keepResource(before?.get(one.name), one)),
  );
}

/** Listeners name the callees of `calls` with a local port, and else nothing of other services. */
function sameListeners(known: CompiledProxy, caller: Caller, workload: Workload): boolean {
  if (known.caller.desk !== caller.desk) return false;
  if (known.caller.service !== caller.service || !sameProxy(known.workload, workload)) return false;
  return (
    known.caller.callees === caller.callees ||
    caller.service.calls.every((call) => call.localPort === undefined)
  );
}

function tcpListeners({ service, callees }: Caller, workload: Workload): Resource[] {
  return service.calls.flatMap((call) => {
    const callee = callees.find((candidate) => candidate.service.name === call.service);
    if (callee === undefined || call.localPort === undefined) return [];
    const { localPort, at } = call;
    return [
      egressTcpListener({ caller: service, callee: callee.service, workload, localPort, at }),
    ];
  });
}

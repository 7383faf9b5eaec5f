import { forkMap } from '../base/map-fork.ts';
import type { IntentChanges } from './changes.ts';
import type { Intent, Principal, Service, ServiceName } from './types.ts';

/** Services that some allow rule lets call this one, without itself; sorted. */
export function callersOf(intent: Intent, name: ServiceName): readonly ServiceName[] {
  return callGraph(intent).callers.get(name) ?? [];
}

/** Services that let this one call them, without itself; sorted. */
export function calleesOf(intent: Intent, name: ServiceName): readonly ServiceName[] {
  return callGraph(intent).callees.get(name) ?? [];
}

export interface CallGraph {
  readonly callers: ReadonlyMap<ServiceName, readonly ServiceName[]>;
  readonly callees: ReadonlyMap<ServiceName, readonly ServiceName[]>;
}

/** Derived once for each intent, which never changes. */
const graphs = new WeakMap<Intent, CallGraph>();

export function callGraph(intent: Intent): CallGraph {
  const known = graphs.get(intent);
  if (known !== undefined) return known;
  const callers = new Map<ServiceName, readonly ServiceName[]>();
  const callees = new Map<ServiceName, ServiceName[]>();
  for (const service of intent.services.values()) {
    const allowed = allowedCallers(intent, service);
    callers.set(service.name, allowed);
    for (const caller of allowed) {
      const list = callees.get(caller);
      if (list === undefined) callees.set(caller, [service.name]);
      else list.push(service.name);
    }
  }
  for (const list of callees.values()) list.sort();
  const graph = { callers, callees };
  graphs.set(intent, graph);
  return graph;
}

/** What `callGraph` gives, at the cost of what changed since an intent whose graph is known. */
export function nextCallGraph(
  before: CallGraph,
  intent: Intent,
  changes: IntentChanges,
): CallGraph {
  const known = graphs.get(intent);
  if (known !== undefined) return known;
  const callers = forkMap(before.callers);
  const moved = new Map<ServiceName, Set<ServiceName>>();
  const calleesNow = (caller: ServiceName): Set<ServiceName> => {
    const list = moved.get(caller) ?? new Set(before.callees.get(caller));
    moved.set(caller, list);
    return list;
  };
  const change = (name: ServiceName, after: readonly ServiceName[]): void => {
    const old = new Set(callers.get(name));
    const now = new Set(after);
    for (const caller of old) if (!now.has(caller)) calleesNow(caller).delete(name);
    for (const caller of now) if (!old.has(caller)) calleesNow(caller).add(name);
  };
  for (const name of changes.removed) {
    change(name, []);
    callers.delete(name);
  }
  for (const name of changes.ruled) {
    const service = intent.services.get(name);
    if (service === undefined) continue;
    const allowed = allowedCallers(intent, service);
    change(name, allowed);
    callers.set(name, allowed);
  }
  const callees = forkMap(before.callees);
  for (const [caller, list] of moved) {
    if (list.size === 0) callees.delete(caller);
    else callees.set(caller, [...list].sort());
  }
  const graph = { callers, callees };
  graphs.set(intent, graph);
  return graph;
}

function allowedCallers(intent: Intent, service: Service): readonly ServiceName[] {
  const allowed = new Set<ServiceName>();
  for (const principal of service.allow.flatMap((rule) => rule.from)) {
    for (const member of membersOf(intent, principal)) allowed.add(member);
  }
  allowed.delete(service.name);
  return [...allowed].filter((name) => intent.services.has(name)).sort();
}

function membersOf(intent: Intent, principal: Principal): Iterable<ServiceName> {
  switch (principal.kind) {
    case 'any':
      return intent.services.keys();
    case 'service':
      return [principal.service];
    case 'role':
      return principal.services;
    // Not in this mesh, or carried by whoever may call anyway.
    case 'guest':
      return [];
  }
}

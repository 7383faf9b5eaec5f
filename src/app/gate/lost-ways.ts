import type { Finding, Position } from '../../base/finding.ts';
import { coversPath } from '../../model/path-pattern.ts';
import { namesCaller } from '../../model/principal.ts';
import { calleesOf } from '../../model/tree.ts';
import type { Intent, Operation, Rule, Service, ServiceName } from '../../model/types.ts';
import type { Traffic } from '../traffic/traffic-log.ts';
import { trafficWindowMinutes, type Use } from '../traffic/use.ts';

export interface TrafficEvidence {
  readonly traffic: Traffic;
  readonly nowMs: number;
}

/** A caller, a callee that it called lately, and what becomes of that. */
interface Edge {
  readonly caller: ServiceName;
  readonly before: Service;
  readonly after: Service | undefined;
  readonly use: Use;
  readonly nowMs: number;
}

/** Ways that are in use and that a commit takes away: a whole callee, the right to call it, or one of its rules. */
export function lostWays(
  before: Intent,
  after: Intent,
  { traffic, nowMs }: TrafficEvidence,
): readonly Finding[] {
  return [...after.services.values()].flatMap((service) => {
    const caller = service.name;
    const old = before.services.get(caller);
    if (old === undefined) return [];
    const kept = new Set(calleesOf(after, caller));
    return calleesOf(before, caller).flatMap((name) => {
      const callee = before.services.get(name);
      const next = after.services.get(name);
      const isSame = callee === next && kept.has(name) && old === service;
      const use = callee === undefined || isSame ? undefined : traffic.edge(caller, name);
      if (callee === undefined || use === undefined) return [];
      const edge = { caller, before: callee, after: next, use, nowMs };
      if (!kept.has(name)) return [lostEdge(edge)];
      return [...lostCall(edge, old, service), ...lostRules(edge, traffic)];
    });
  });
}

function lostEdge(edge: Edge): Finding {
  const { caller, before, after } = edge;
  if (after === undefined) {
    const removed = place(before.at, `the service ${before.name}`);
    return held(edge, `${caller} calls ${before.name}, which is removed`, [removed]);
  }
  const rules = before.allow.filter((rule) => namesCaller(rule, caller));
  const removed = rules.map((rule) => rulePlace(rule, after));
  return held(edge, `${caller} may not call ${before.name} any more, and it does`, removed);
}

/** A callee that speaks no HTTP is reached at a local port or not at all, and nobody sees who finds no listener there. */
function lostCall(edge: Edge, old: Service, service: Service): readonly Finding[] {
  const { caller, before, after } = edge;
  if (after?.protocol !== 'tcp') return [];
  const callsOf = ({ calls }: Service) =>
    calls.filter((call) => call.service === after.name && call.localPort !== undefined);
  const kept = callsOf(service);
  return callsOf(old).flatMap(({ localPort, at }) => {
    if (kept.some((call) => call.localPort === localPort)) return [];
    const [moved] = kept;
    const message =
      moved === undefined
        ? `${caller} has no way to ${before.name} any more, and uses it`
        : `${caller} reaches ${before.name} at local port ${localPort}, which becomes ${moved.localPort}`;
    return [held(edge, message, [place(at, `the local port for ${before.name}`)])];
  });
}

/** The edge stays, and a rule of it that lets requests in does not, or lets in less. */
function lostRules(edge: Edge, traffic: Traffic): readonly Finding[] {
  const { caller, before, after } = edge;
  if (after === undefined) return [];
  const allowed = after.allow.filter((rule) => namesCaller(rule, caller)).flatMap(({ to }) => to);
  return before.allow.flatMap((rule) => {
    if (!namesCaller(rule, caller)) return [];
    const lost = rule.to.filter((operation) => !allowed.some((one) => covers(one, operation)));
    const use = lost.length === 0 ? undefined : traffic.rule(before.name, rule.id);
    if (use === undefined) return [];
    const what = lost.map(operationText).join(', ');
    const message = `${caller} may not ask ${before.name} for ${what} any more, and the rule is in use`;
    return [held({ ...edge, use }, message, [rulePlace(rule, after)])];
  });
}

function covers(wide: Operation, narrow: Operation): boolean {
  if (wide.kind === 'connect' || narrow.kind === 'connect') return wide.kind === narrow.kind;
  if (wide.kind === 'http') {
    return (
      narrow.kind === 'http' &&
      fits(wide.method, narrow.method) &&
      coversPath(wide.path, narrow.path)
    );
  }
  return (
    narrow.kind === 'grpc' && fits(wide.service, narrow.service) && fits(wide.method, narrow.method)
  );
}

function fits(wide: string, narrow: string): boolean {
  return wide === '*' || wide === narrow;
}

function operationText(operation: Operation): string {
  switch (operation.kind) {
    case 'http':
      return `${operation.method} ${operation.path.text}`;
    case 'grpc':
      return `${operation.service}/${operation.method}`;
    case 'connect':
      return 'a connection';
  }
}

/** In the commit that runs; in the new one the line may hold something else. */
function rulePlace(rule: Rule, after: Service): string {
  const what = after.allow.some(({ id }) => id === rule.id) ? 'which says less now' : 'removed';
  return `${place(rule.at, `the rule ${rule.id}`)}, ${what}`;
}

function place({ file, line }: Position, what: string): string {
  return `${what}, ${file}:${line} of the commit that runs`;
}

function held(edge: Edge, message: string, removed: readonly string[]): Finding {
  const { after, use, nowMs } = edge;
  return {
    ...{ code: 'CH4208', severity: 'error', message },
    ...(after === undefined ? {} : { at: after.at }),
    found: `${useText(use, nowMs)}`,
    notes: removed,
    help: 'let the caller stop first, or approve the removal',
  };
}

const windowHours = trafficWindowMinutes / 60;

function useText({ requests, lastMs }: Use, nowMs: number): string {
  const count = `${requests} ${requests === 1 ? 'request' : 'requests'}`;
  return `${count} in the last ${windowHours} hours, the last one ${agoText(nowMs - lastMs)} ago`;
}

function agoText(agoMs: number): string {
  const minutes = Math.round(agoMs / 60_000);
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return `${minutes} minute${minutes === 1 ? '' : 's'}`;
  return `${Math.round(minutes / 60)} hours`;
}

import { grantRulePrefix } from '../model/grant-place.ts';
import {
  coversOperation,
  meetOfOperations,
  operationText,
  parseOperation,
} from '../model/operation.ts';
import { parsePathPattern } from '../model/path-pattern.ts';
import { namesCaller } from '../model/principal.ts';
import type { Protocol, Rule, Service, ServiceName } from '../model/types.ts';
import type { Flow } from '../policy/flow.ts';
import { otherReadings } from '../policy/other-readings.ts';
import { pathTemplate } from '../policy/path-template.ts';
import { callerName } from './flow-diff.ts';

/** The rules that let in what came in, and no more than the templates of its paths say. */
export interface Suggestion {
  /** Rules with conditions, for people, or for callers of other meshes stay: what they look at was not recorded. */
  readonly kept: readonly Rule[];
  readonly rules: readonly SuggestedRule[];
  /** Rules that let nothing in and go. */
  readonly dropped: readonly Rule[];
  /** Requests that the rules are made from. */
  readonly requests: number;
  /** Of them those that asked for another method or path, too, which rules for it let in: what that was stands in no log. */
  readonly overridden: number;
}

export interface SuggestedRule {
  /** Services, and roles of the old rule of which every member is among them. */
  readonly from: readonly string[];
  /** As a file says it; none for a connection. */
  readonly to: readonly string[];
  /** The rule that let it in before, whose words are worth keeping. */
  readonly of: Rule | undefined;
}

/** A request that a test of the service expects to be allowed, and the rule that allows it. */
interface TestedRequest {
  readonly from: string;
  readonly method: string;
  readonly path: string;
  readonly rule: string;
}

/** What a caller may send, as one text, and the rule that let it in. */
interface Seen {
  readonly to: string | undefined;
  readonly rule: string | undefined;
}

export function suggestRules(
  service: Service,
  trustDomain: string,
  { flows, tests }: { readonly flows: readonly Flow[]; readonly tests: readonly TestedRequest[] },
): Suggestion {
  // What came in by a grant of break-glass was let in for a time, by a person, and not for good.
  const allowed = flows.filter(
    ({ verdict, rule }) => verdict === 'allow' && rule?.startsWith(grantRulePrefix) !== true,
  );
  const kept = service.allow.filter(isNotRecorded);
  const byKept = new Set<string>(kept.map(({ id }) => id));
  const byCaller = new Map<string, Seen[]>();
  for (const flow of allowed) {
    // What came in by a rule that stays goes on doing so.
    if (flow.caller === '' || (flow.rule !== undefined && byKept.has(flow.rule))) continue;
    const caller = callerName(flow.caller, trustDomain);
    const seen = byCaller.get(caller) ?? [];
    for (const path of pathsOf(flow)) {
      const to = operationOf(flow.method, path, service.protocol);
      seen.push(...withinRules(service, caller, { to, rule: flow.rule }));
    }
    byCaller.set(caller, seen);
  }
  // What a test expects is meant to be allowed, whether or not somebody asked for it lately.
  for (const { from, method, path, rule } of tests) {
    if (byKept.has(rule)) continue;
    const seen = byCaller.get(from) ?? [];
    for (const one of pathsOf({ method, path: pathTemplate(path) })) {
      const to = operationOf(method, one, service.protocol);
      seen.push(...withinRules(service, from, { to, rule }));
    }
    byCaller.set(from, seen);
  }
  const rules = rulesOf(byCaller, service);
  const used = new Set(rules.flatMap(({ of }) => of?.id ?? []));
  return {
    kept,
    rules,
    dropped: service.allow.filter((rule) => !kept.includes(rule) && !used.has(rule.id)),
    requests: requestsOf(allowed),
    overridden: requestsOf(allowed.filter(({ isOverridden }) => isOverridden === true)),
  };
}

/** It came in because rules allow it in each of its readings. */
function pathsOf({ method, path }: Pick<Flow, 'method' | 'path'>): readonly string[] {
  const others = method === 'connect' ? undefined : otherReadings(method, path, []);
  return others?.ok ? [path, ...others.value.map((reading) => reading.path)] : [path];
}

function requestsOf(flows: readonly Flow[]): number {
  return flows.reduce((sum, { requests }) => sum + requests, 0);
}

/**
 * A template stands for more than came in, and for more than the rules may allow: of that only what they do, by the rule that
 * let it in where it is still about this caller.
 */
function withinRules({ allow, protocol }: Service, caller: string, seen: Seen): readonly Seen[] {
  if (seen.to === undefined) return [seen];
  const wanted = parseOperation(seen.to, protocol);
  if (!wanted.ok) return [];
  const rules = allow.filter(
    (rule) => !isNotRecorded(rule) && namesCaller(rule, caller as ServiceName),
  );
  const found = rules.flatMap(({ id, to }) =>
    to.flatMap((granted): readonly Seen[] => {
      const both = meetOfOperations(wanted.value, granted);
      return both === undefined ? [] : [{ to: operationText(both), rule: id }];
    }),
  );
  const own = found.filter(({ rule }) => rule === seen.rule);
  return own.length > 0 ? own : found;
}

/** What it looks at stands in no log. A role may have guests, too, and a person is known by a token only. */
function isNotRecorded({ conditions, mode, from }: Rule): boolean {
  const namesGuests = from.some(
    (who) => who.kind === 'guest' || (who.kind === 'role' && who.guests.length > 0),
  );
  return conditions !== undefined || mode === 'audit' || namesGuests;
}

function operationOf(method: string, path: string, protocol: Protocol): string | undefined {
  if (method === 'connect') return undefined;
  const segments = path.slice(1).split('/');
  // What a request holds need not be what a rule can name.
  if (protocol === 'grpc') {
    const [service = '*', name = '*'] = segments;
    const known = (text: string): boolean => parseOperation(text, 'grpc').ok;
    return `${known(`${service}/*`) ? service : '*'}/${known(`*/${name}`) ? name : '*'}`;
  }
  const isRest = (at: number): boolean => at === segments.length - 1;
  const named = segments.map((one, at) =>
    parsePathPattern(`/${one}`).ok && (one !== '**' || isRest(at)) ? one : '*',
  );
  const known = parseOperation(`${method} /`, protocol).ok ? method : '*';
  return `${known} ${shortened(named)}`;
}

/** A pattern has an end, and a path need not have had it. */
function shortened(segments: readonly string[]): string {
  const text = `/${segments.join('/')}`;
  const end = segments.at(-1) === '**' ? -2 : -1;
  return parsePathPattern(text).ok ? text : shortened([...segments.slice(0, end), '**']);
}

/** One rule for all callers that sent the same by the same rule; and one for all that they sent. */
function rulesOf(
  byCaller: ReadonlyMap<string, readonly Seen[]>,
  { allow, protocol }: Service,
): readonly SuggestedRule[] {
  const byRequest = new Map<string, { readonly from: Set<string>; readonly seen: Seen }>();
  for (const [caller, all] of byCaller) {
    for (const seen of all) {
      const key = JSON.stringify([seen.to, seen.rule]);
      const known = byRequest.get(key) ?? { from: new Set<string>(), seen };
      known.from.add(caller);
      byRequest.set(key, known);
    }
  }
  const grouped = new Map<string, SuggestedRule & { readonly to: string[] }>();
  for (const { from, seen } of byRequest.values()) {
    const callers = [...from].sort();
    const key = JSON.stringify([callers, seen.rule, seen.to === undefined]);
    const of = allow.find(({ id }) => id === seen.rule);
    const known = grouped.get(key) ?? { from: callers, to: [], of };
    if (seen.to !== undefined) known.to.push(seen.to);
    grouped.set(key, known);
  }
  return [...grouped.values()]
    .map((rule) => ({
      ...rule,
      from: withRoles(rule.from, rule.of),
      to: withoutCovered([...new Set(rule.to)], protocol).sort(),
    }))
    .sort((a, b) => (a.of?.at.line ?? 0) - (b.of?.at.line ?? 0) || (a.from < b.from ? -1 : 1));
}

function withRoles(callers: readonly string[], of: Rule | undefined): readonly string[] {
  const roles = (of?.from ?? []).flatMap((who) =>
    who.kind === 'role' &&
    who.services.length > 0 &&
    who.services.every((service) => callers.includes(service))
      ? [who]
      : [],
  );
  const members = new Set<string>(roles.flatMap(({ services }) => services));
  const others = callers.filter((caller) => !members.has(caller));
  return [...roles.map(({ role }) => `role:${role}`), ...others];
}

/** What another one covers says nothing more. No two that differ cover each other, so that one of them stays. */
function withoutCovered(all: readonly string[], protocol: Protocol): string[] {
  const operations = all.flatMap((text) => {
    const read = parseOperation(text, protocol);
    return read.ok ? [read.value] : [];
  });
  return operations
    .filter((one) => !operations.some((other) => other !== one && coversOperation(other, one)))
    .map(operationText);
}

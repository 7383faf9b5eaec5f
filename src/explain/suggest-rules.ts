import { matchesPath, parsePathPattern } from '../model/path-pattern.ts';
import type { Protocol, Rule, Service } from '../model/types.ts';
import type { ServiceFlows } from '../policy/flow.ts';
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
}

export interface SuggestedRule {
  readonly from: readonly string[];
  /** As a file says it; none for a connection. */
  readonly to: readonly string[];
  /** The rule that let it in before, whose words are worth keeping. */
  readonly of: Rule | undefined;
}

/** What a caller may send, as one text, and the rule that let it in. */
interface Seen {
  readonly to: string | undefined;
  readonly rule: string | undefined;
}

export function suggestRules(
  service: Service,
  trustDomain: string,
  { flows }: Pick<ServiceFlows, 'flows'>,
): Suggestion {
  const allowed = flows.filter(({ verdict }) => verdict === 'allow');
  const kept = service.allow.filter(isNotRecorded);
  const byKept = new Set<string>(kept.map(({ id }) => id));
  const byCaller = new Map<string, Seen[]>();
  for (const flow of allowed) {
    // What came in by a rule that stays goes on doing so.
    if (flow.caller === '' || (flow.rule !== undefined && byKept.has(flow.rule))) continue;
    const caller = callerName(flow.caller, trustDomain);
    const to = operationOf(flow.method, flow.path, service.protocol);
    const seen = byCaller.get(caller) ?? [];
    seen.push({ to, rule: flow.rule });
    byCaller.set(caller, seen);
  }
  const rules = rulesOf(byCaller, service);
  const used = new Set(allowed.flatMap(({ rule }) => rule ?? []));
  return {
    kept,
    rules,
    dropped: service.allow.filter((rule) => !kept.includes(rule) && !used.has(rule.id)),
    requests: allowed.reduce((sum, { requests }) => sum + requests, 0),
  };
}

/** What it looks at stands in no log. */
function isNotRecorded({ conditions, mode, from }: Rule): boolean {
  return conditions !== undefined || mode === 'audit' || from.some(({ kind }) => kind === 'guest');
}

function operationOf(method: string, path: string, protocol: Protocol): string | undefined {
  if (method === 'connect') return undefined;
  return protocol === 'grpc' && method === 'POST' ? path.slice(1) : `${method} ${path}`;
}

/** One rule for all callers that sent the same by the same rule; and one for all that they sent. */
function rulesOf(
  byCaller: ReadonlyMap<string, readonly Seen[]>,
  { allow }: Service,
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
    .map((rule) => ({ ...rule, to: withoutCovered(rule.to).sort() }))
    .sort((a, b) => (a.of?.at.line ?? 0) - (b.of?.at.line ?? 0) || (a.from < b.from ? -1 : 1));
}

/** A template that another one of the same method covers says nothing more. */
function withoutCovered(all: readonly string[]): string[] {
  return all.filter((one) => {
    const [method, path = ''] = one.split(' ', 2);
    return !all.some((other) => {
      const [otherMethod, pattern = ''] = other.split(' ', 2);
      const wide = parsePathPattern(pattern);
      return one !== other && method === otherMethod && wide.ok && matchesPath(wide.value, path);
    });
  });
}

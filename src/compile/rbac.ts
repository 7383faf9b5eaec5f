import type { Any } from '@bufbuild/protobuf/wkt';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  Matcher_MatcherList_FieldMatcherSchema,
  Matcher_MatcherList_PredicateSchema,
  Matcher_MatcherListSchema,
  Matcher_MatcherTree_MatchMapSchema,
  Matcher_MatcherTreeSchema,
  Matcher_OnMatchSchema,
  MatcherSchema,
} from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type {
  CallerTable,
  ExactEntry,
  Leaf,
  MethodTable,
  PathStage,
  PrefixEntry,
} from '../policy/path-stage.ts';
import type { PlanInput, Verdict } from '../policy/plan-parts.ts';
import type { Guard, RbacPlan } from '../policy/rbac-plan.ts';
import { encodedMap } from './caller-map.ts';
import { type Encoded, embedded, embeddedText, joined } from './encoded.ts';
import { any, encode, type Init } from './pack.ts';
import {
  allPredicate,
  clausePredicate,
  exactPredicate,
  matchInput,
  notPredicate,
  type Predicate,
  prefixPredicate,
  regexPredicate,
} from './rbac-predicates.ts';
import { templated } from './template.ts';

/** The fields of a message. */
type Matcher = readonly Encoded[];
interface OnMatch {
  readonly encoded: Encoded;
  /** Undefined for an action. */
  readonly matcher: Matcher | undefined;
}

const fields = {
  rbac: RBACSchema.field,
  matcher: MatcherSchema.field,
  onMatch: Matcher_OnMatchSchema.field,
  tree: Matcher_MatcherTreeSchema.field,
  list: Matcher_MatcherListSchema.field,
  listed: Matcher_MatcherList_FieldMatcherSchema.field,
  map: Matcher_MatcherTree_MatchMapSchema.field,
} as const;
/** Made once: a policy has many of them. */
const treeInputs = {
  path: encode(Matcher_MatcherTreeSchema, { input: matchInput('path') }),
  method: encode(Matcher_MatcherTreeSchema, { input: matchInput('method') }),
  caller: encode(Matcher_MatcherTreeSchema, { input: matchInput('caller') }),
} as const;

/** The plan as Envoy's RBAC filter takes it: guards, stages, fallback, each the `on_no_match` of the one before. */
export function rbacConfig(plan: RbacPlan): readonly Encoded[] {
  const { matcher, shadowMatcher } = fields.rbac;
  const audits = plan.audits.reduceRight<OnMatch | undefined>(
    (next, stage) => stageMatcher(stage, next),
    undefined,
  );
  return [
    embedded(matcher.number, plannedMatcher(plan)),
    // Of what no rule in audit is about nothing is said: a miss has no name.
    ...(audits === undefined ? [] : [embedded(shadowMatcher.number, matcherOf(audits))]),
  ];
}

/** Until the policy has come the desk is asked about everything, and denies what it does not know. */
export function askAlways(): Any {
  return any(RBACSchema, { matcher: { onNoMatch: namedAction('ask', 'ask/no-policy-yet') } });
}

function plannedMatcher({ guards, stages, fallback }: RbacPlan): Matcher {
  const unguarded = stages.reduceRight(
    (next: OnMatch, stage) => stageMatcher(stage, next),
    verdictAction(fallback),
  );
  return matcherOf(guards.reduceRight((next, guard) => guardMatcher(guard, next), unguarded));
}

function matcherOf(match: OnMatch): Matcher {
  return match.matcher ?? [onNoMatch(match)];
}

/** Most policies have the same guards. */
const guardLists = new WeakMap<Guard, Encoded>();

function guardMatcher(guard: Guard, next: OnMatch): OnMatch {
  const listed = guardLists.get(guard) ?? guardListed(guard);
  guardLists.set(guard, listed);
  return nested(embedded(fields.matcher.matcherList.number, [listed]), next);
}

function guardListed(guard: Guard): Encoded {
  return joined([listedMatch(guardPredicate(guard), verdictAction(guard.verdict))]);
}

function guardPredicate(guard: Guard): Predicate {
  if ('when' in guard) return clausePredicate({ input: guard.input, match: guard.when });
  return 'matches' in guard
    ? regexPredicate(guard.input, guard.matches)
    : notPredicate(regexPredicate(guard.input, guard.unless));
}

/**
 * The exact path, then the longest prefix and, on a miss inside it, shorter ones, then what follows. The input has the
 * query too: to set a path without it aside for each request would cost more than to look for it in two ways. The exact
 * path with a question mark behind it is longer than every prefix of that path, and so comes first as well.
 */
function stageMatcher(stage: PathStage, next?: OnMatch): OnMatch {
  const exact = mapped(stage.exact, (entry, path) =>
    exactEntryMatch(entry, exactPredicate('path', path)),
  );
  const beforeQuery = new Map([...stage.exact].map(([path, entry]) => [`${path}?`, entry]));
  const prefixes = [
    ...(mapped(beforeQuery, (entry, prefix) =>
      exactEntryMatch(entry, prefixPredicate('path', prefix)),
    ) ?? []),
    ...(mapped(stage.prefixes, prefixMatch) ?? []),
  ];
  const byPrefix =
    prefixes.length === 0
      ? next
      : treeMatch('path', embedded(fields.tree.prefixMatchMap.number, prefixes), next);
  if (exact !== undefined) return exactMatch('path', exact, byPrefix);
  if (byPrefix === undefined) throw new Error('a stage without rules');
  return byPrefix;
}

/** What misses in the first table goes on to the other one; `holds` holds wherever this is looked at. */
function exactEntryMatch({ end, rest }: ExactEntry, holds: Predicate): OnMatch | undefined {
  const otherwise = rest && methodMatch(rest);
  const first = end && methodMatch(end);
  if (first === undefined || otherwise === undefined) return first ?? otherwise;
  return nested(
    embedded(fields.matcher.matcherList.number, [listedMatch(holds, first)]),
    otherwise,
  );
}

function prefixMatch(entry: PrefixEntry): OnMatch | undefined {
  const rest = entry.rest === undefined ? undefined : methodMatch(entry.rest);
  const matchers = entry.patterns.flatMap(({ regex, table }) => {
    const onMatch = methodMatch(table);
    return onMatch === undefined ? [] : [listedMatch(regexPredicate('path', regex), onMatch)];
  });
  if (matchers.length === 0) return rest;
  return nested(embedded(fields.matcher.matcherList.number, matchers), rest);
}

function listedMatch(predicate: Predicate, onMatch: OnMatch): Encoded {
  const { list, listed } = fields;
  return embedded(list.matchers.number, [
    embedded(listed.predicate.number, [encode(Matcher_MatcherList_PredicateSchema, predicate)]),
    embedded(listed.onMatch.number, [onMatch.encoded]),
  ]);
}

/** One table may stand at several paths. */
const methodMatches = new WeakMap<MethodTable, OnMatch>();

function methodMatch(table: MethodTable): OnMatch | undefined {
  const found = methodMatches.get(table) ?? newMethodMatch(table);
  if (found !== undefined) methodMatches.set(table, found);
  return found;
}

function newMethodMatch(table: MethodTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : callerMatch(table.any);
  const methods = mapped(table.byMethod, callerMatch);
  return methods === undefined ? otherwise : exactMatch('method', methods, otherwise);
}

function callerMatch(table: CallerTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : leafMatch(table.any);
  const callers = encodedMap(table.bySpiffeId, encodedLeaf);
  return callers === undefined ? otherwise : exactMatch('caller', [callers], otherwise);
}

/** The first whose conditions hold. */
function leafMatch(leaf: Leaf): OnMatch {
  if (leaf.kind !== 'choice') return verdictAction(leaf);
  const conditional = leaf.of.filter(({ when }) => when.length > 0);
  const always = leaf.of.find(({ when }) => when.length === 0);
  const matchers = conditional.map(({ when, verdict }) =>
    listedMatch(allPredicate(when.map(clausePredicate)), verdictAction(verdict)),
  );
  return nested(
    embedded(fields.matcher.matcherList.number, matchers),
    always && verdictAction(always.verdict),
  );
}

/** Undefined for a map without entries, which Envoy does not take. */
function mapped<Value>(
  entries: ReadonlyMap<string, Value>,
  match: (value: Value, key: string) => OnMatch | undefined,
): readonly Encoded[] | undefined {
  const found = [...entries].flatMap(([key, value]) => {
    const onMatch = match(value, key);
    if (onMatch === undefined) return [];
    const entry = [embeddedText(1, key), embedded(2, [onMatch.encoded])];
    return [embedded(fields.map.map.number, entry)];
  });
  return found.length === 0 ? undefined : found;
}

type TreeInput = keyof typeof treeInputs & PlanInput;

function exactMatch(
  input: TreeInput,
  map: readonly Encoded[],
  otherwise: OnMatch | undefined,
): OnMatch {
  return treeMatch(input, embedded(fields.tree.exactMatchMap.number, map), otherwise);
}

function treeMatch(input: TreeInput, map: Encoded, otherwise: OnMatch | undefined): OnMatch {
  return nested(embedded(fields.matcher.matcherTree.number, [treeInputs[input], map]), otherwise);
}

function nested(type: Encoded, otherwise: OnMatch | undefined): OnMatch {
  const matcher = otherwise === undefined ? [type] : [type, onNoMatch(otherwise)];
  return { matcher, encoded: embedded(fields.onMatch.matcher.number, matcher) };
}

function onNoMatch({ encoded }: OnMatch): Encoded {
  return embedded(fields.matcher.onNoMatch.number, [encoded]);
}

/** What is asked about goes on: the desk comes next, wherever the name does not start with `allow/`. */
function verdictAction(verdict: Verdict): OnMatch {
  return { matcher: undefined, encoded: encodedLeaf(verdict) };
}

function nameOf({ kind, id }: Verdict): string {
  return `${kind}/${id}`;
}

function namedAction(kind: Verdict['kind'], name: string): Init<typeof Matcher_OnMatchSchema> {
  const action = kind === 'deny' ? RBAC_Action.DENY : RBAC_Action.ALLOW;
  const typedConfig = any(ActionSchema, { name, action });
  return { onMatch: { case: 'action', value: { name, typedConfig } } };
}

/** A rule has one verdict for all of its callers. */
const encodedLeaves = new WeakMap<Leaf, Uint8Array>();
const encodedActions = {
  allow: encodedAction('allow'),
  ask: encodedAction('ask'),
  deny: encodedAction('deny'),
};

function encodedAction(kind: Verdict['kind']): (name: string) => Encoded {
  return templated((name) => encode(Matcher_OnMatchSchema, namedAction(kind, name)));
}

function encodedLeaf(leaf: Leaf): Uint8Array {
  const known = encodedLeaves.get(leaf);
  if (known !== undefined) return known;
  const bytes = joined([
    leaf.kind === 'choice' ? leafMatch(leaf).encoded : encodedActions[leaf.kind](nameOf(leaf)),
  ]);
  encodedLeaves.set(leaf, bytes);
  return bytes;
}

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type Matcher_MatcherTree_MatchMapSchema,
  type Matcher_OnMatch,
  Matcher_OnMatchSchema,
  type MatcherSchema,
} from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type {
  CallerTable,
  Leaf,
  MethodTable,
  PathStage,
  PrefixEntry,
} from '../policy/path-stage.ts';
import type { PlanInput, Verdict } from '../policy/plan-parts.ts';
import type { Guard, RbacPlan } from '../policy/rbac-plan.ts';
import { encodedMap } from './caller-map.ts';
import { any, encode, type Init } from './pack.ts';
import {
  allPredicate,
  clausePredicate,
  matchInput,
  notPredicate,
  regexPredicate,
} from './rbac-predicates.ts';
import { templated } from './template.ts';

type Matcher = Init<typeof MatcherSchema>;
type MatchMap = MessageInitShape<typeof Matcher_MatcherTree_MatchMapSchema>;
type OnMatch = Init<typeof Matcher_OnMatchSchema> | Matcher_OnMatch;

/** The plan as Envoy's RBAC filter takes it: guards, stages, fallback, each the `on_no_match` of the one before. */
export function rbacConfig(plan: RbacPlan): Any {
  return any(RBACSchema, {
    matcher: plannedMatcher(plan),
    // Of what no rule in audit is about nothing is said: a miss has no name.
    ...(plan.audit === undefined ? {} : { shadowMatcher: matcherOf(stageMatcher(plan.audit)) }),
    // By rule, so that one in use is not taken away unawares.
    trackPerRuleStats: true,
  });
}

/** Until the policy has come the desk is asked about everything, and denies what it does not know. */
export function askAlways(): Any {
  return any(RBACSchema, {
    matcher: { onNoMatch: verdictAction({ kind: 'ask', id: 'no-policy-yet' }) },
  });
}

function plannedMatcher({ guards, stages, fallback }: RbacPlan): Matcher {
  const unguarded = stages.reduceRight(
    (next: OnMatch, stage) => stageMatcher(stage, next),
    verdictAction(fallback),
  );
  return matcherOf(guards.reduceRight((next, guard) => guardMatcher(guard, next), unguarded));
}

function matcherOf(match: OnMatch): Matcher {
  return match.onMatch?.case === 'matcher'
    ? (match.onMatch.value as Matcher)
    : { onNoMatch: match };
}

function guardMatcher(guard: Guard, next: OnMatch): OnMatch {
  const predicate =
    'when' in guard
      ? clausePredicate({ input: guard.input, match: guard.when })
      : notPredicate(regexPredicate(guard.input, guard.unless));
  return nested({
    matcherType: {
      case: 'matcherList',
      value: { matchers: [{ predicate, onMatch: verdictAction(guard.verdict) }] },
    },
    onNoMatch: next,
  });
}

/** The exact path, then the longest prefix and, on a miss inside it, shorter ones, then what follows. */
function stageMatcher(stage: PathStage, next?: OnMatch): OnMatch {
  const exact = mapped(stage.exact, methodMatch);
  const prefixes = mapped(stage.prefixes, prefixMatch);
  const onNoMatch = next === undefined ? {} : { onNoMatch: next };
  const byPrefix =
    prefixes === undefined
      ? next
      : nested({
          matcherType: {
            case: 'matcherTree',
            value: {
              input: matchInput('path'),
              treeType: { case: 'prefixMatchMap', value: { map: prefixes } },
            },
          },
          ...onNoMatch,
        });
  if (exact !== undefined) return exactMatch('path', { map: exact }, byPrefix);
  if (byPrefix === undefined) throw new Error('a stage without rules');
  return byPrefix;
}

function prefixMatch(entry: PrefixEntry): OnMatch | undefined {
  const rest = entry.rest === undefined ? undefined : methodMatch(entry.rest);
  const matchers = entry.patterns.flatMap(({ regex, table }) => {
    const onMatch = methodMatch(table);
    return onMatch === undefined ? [] : [{ predicate: regexPredicate('path', regex), onMatch }];
  });
  if (matchers.length === 0) return rest;
  return nested({
    matcherType: { case: 'matcherList', value: { matchers } },
    ...(rest === undefined ? {} : { onNoMatch: rest }),
  });
}

/** One table may stand at several paths. */
const methodMatches = new WeakMap<MethodTable, Matcher_OnMatch>();

function methodMatch(table: MethodTable): OnMatch | undefined {
  const known = methodMatches.get(table);
  const found = known ?? newMethodMatch(table);
  if (known !== undefined || found === undefined) return found;
  const match = create(Matcher_OnMatchSchema, found);
  methodMatches.set(table, match);
  return match;
}

function newMethodMatch(table: MethodTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : callerMatch(table.any);
  const methods = mapped(table.byMethod, callerMatch);
  return methods === undefined ? otherwise : exactMatch('method', { map: methods }, otherwise);
}

function callerMatch(table: CallerTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : leafMatch(table.any);
  const callers = encodedMap(table.bySpiffeId, encodedLeaf);
  return callers === undefined ? otherwise : exactMatch('caller', callers, otherwise);
}

/** The first whose conditions hold. */
function leafMatch(leaf: Leaf): OnMatch {
  if (leaf.kind !== 'choice') return verdictAction(leaf);
  const conditional = leaf.of.filter(({ when }) => when.length > 0);
  const always = leaf.of.find(({ when }) => when.length === 0);
  return nested({
    matcherType: {
      case: 'matcherList',
      value: {
        matchers: conditional.map(({ when, verdict }) => ({
          predicate: allPredicate(when.map(clausePredicate)),
          onMatch: verdictAction(verdict),
        })),
      },
    },
    ...(always === undefined ? {} : { onNoMatch: verdictAction(always.verdict) }),
  });
}

/** Undefined for a map without entries, which Envoy does not take. */
function mapped<Value>(
  entries: ReadonlyMap<string, Value>,
  match: (value: Value) => OnMatch | undefined,
): Record<string, OnMatch> | undefined {
  const found = [...entries].flatMap(([key, value]) => {
    const onMatch = match(value);
    return onMatch === undefined ? [] : [[key, onMatch] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function exactMatch(input: PlanInput, map: MatchMap, otherwise: OnMatch | undefined): OnMatch {
  return nested({
    matcherType: {
      case: 'matcherTree',
      value: { input: matchInput(input), treeType: { case: 'exactMatchMap', value: map } },
    },
    ...(otherwise === undefined ? {} : { onNoMatch: otherwise }),
  });
}

function nested(matcher: Matcher): OnMatch {
  return { onMatch: { case: 'matcher', value: matcher } };
}

/** A rule has one verdict for all of its callers. */
const actions = new WeakMap<Verdict, Matcher_OnMatch>();

/** What is asked about goes on: the desk comes next, wherever the name does not start with `allow/`. */
function verdictAction(verdict: Verdict): OnMatch {
  const known = actions.get(verdict);
  if (known !== undefined) return known;
  const action = create(Matcher_OnMatchSchema, namedAction(verdict.kind, nameOf(verdict)));
  actions.set(verdict, action);
  return action;
}

function nameOf({ kind, id }: Verdict): string {
  return `${kind}/${id}`;
}

function namedAction(kind: Verdict['kind'], name: string): OnMatch {
  const action = kind === 'deny' ? RBAC_Action.DENY : RBAC_Action.ALLOW;
  return {
    onMatch: {
      case: 'action',
      value: { name, typedConfig: any(ActionSchema, { name, action }) },
    },
  };
}

const encodedLeaves = new WeakMap<Leaf, Uint8Array>();
const encodedActions = {
  allow: encodedAction('allow'),
  ask: encodedAction('ask'),
  deny: encodedAction('deny'),
};

function encodedAction(kind: Verdict['kind']): (name: string) => Uint8Array {
  return templated((name) => encode(Matcher_OnMatchSchema, namedAction(kind, name)));
}

function encodedLeaf(leaf: Leaf): Uint8Array {
  const known = encodedLeaves.get(leaf);
  if (known !== undefined) return known;
  const bytes =
    leaf.kind === 'choice'
      ? encode(Matcher_OnMatchSchema, leafMatch(leaf) as Init<typeof Matcher_OnMatchSchema>)
      : encodedActions[leaf.kind](nameOf(leaf));
  encodedLeaves.set(leaf, bytes);
  return bytes;
}

import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { FilterStateInputSchema } from '../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import { UriSanInputSchema } from '../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '../gen/envoy/type/matcher/v3/http_inputs_pb.js';
import {
  type Matcher_OnMatch,
  Matcher_OnMatchSchema,
  type MatcherSchema,
} from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type {
  CallerTable,
  Guard,
  MethodTable,
  PathStage,
  PrefixEntry,
  RbacPlan,
  Verdict,
} from '../policy/rbac-plan.ts';
import { any, type Init } from './pack.ts';

type Matcher = Init<typeof MatcherSchema>;
type OnMatch = Init<typeof Matcher_OnMatchSchema> | Matcher_OnMatch;

/** Where the path without its query is kept for the matcher: the `:path` input would include the query. */
export const pathStateKey = 'chancery.path';

/** Made once: a policy has many of them. */
const inputs = {
  path: { name: 'path', typedConfig: any(FilterStateInputSchema, { key: pathStateKey }) },
  method: {
    name: 'method',
    typedConfig: any(HttpRequestHeaderMatchInputSchema, { headerName: ':method' }),
  },
  caller: { name: 'caller', typedConfig: any(UriSanInputSchema, {}) },
} as const;

/** The plan as Envoy's RBAC filter takes it: guards, deny, allow, fallback, each the `on_no_match` of the one before. */
export function rbacConfig(plan: RbacPlan): Any {
  // By rule, so that one in use is not taken away unawares.
  return any(RBACSchema, { matcher: plannedMatcher(plan), trackPerRuleStats: true });
}

/** Until the policy has come the desk is asked about everything, and denies what it does not know. */
export function askAlways(): Any {
  return any(RBACSchema, {
    matcher: { onNoMatch: verdictAction({ kind: 'ask', id: 'no-policy-yet' }) },
  });
}

function plannedMatcher(plan: RbacPlan): Matcher {
  const allow = stageMatcher(plan.allow, verdictAction(plan.fallback));
  const deny = stageMatcher(plan.deny, allow);
  const guarded = plan.guards.reduceRight((next, guard) => guardMatcher(guard, next), deny);
  return guarded.onMatch?.case === 'matcher'
    ? (guarded.onMatch.value as Matcher)
    : { onNoMatch: guarded };
}

function guardMatcher(guard: Guard, next: OnMatch): OnMatch {
  return nested({
    matcherType: {
      case: 'matcherList',
      value: {
        matchers: [
          {
            predicate: {
              matchType: {
                case: 'notMatcher',
                value: regexPredicate(guard.input, guard.unless),
              },
            },
            onMatch: verdictAction(guard.verdict),
          },
        ],
      },
    },
    onNoMatch: next,
  });
}

/** The exact path, then the longest prefix and, on a miss inside it, shorter ones, then what follows. */
function stageMatcher(stage: PathStage, next: OnMatch): OnMatch {
  const prefixes = mapped(stage.prefixes, prefixMatch);
  const byPrefix =
    prefixes === undefined
      ? next
      : nested({
          matcherType: {
            case: 'matcherTree',
            value: {
              input: inputs.path,
              treeType: { case: 'prefixMatchMap', value: { map: prefixes } },
            },
          },
          onNoMatch: next,
        });
  const exact = mapped(stage.exact, methodMatch);
  return exact === undefined ? byPrefix : exactMatch('path', exact, byPrefix);
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

function methodMatch(table: MethodTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : callerMatch(table.any);
  const methods = mapped(table.byMethod, callerMatch);
  return methods === undefined ? otherwise : exactMatch('method', methods, otherwise);
}

function callerMatch(table: CallerTable): OnMatch | undefined {
  const otherwise = table.any === undefined ? undefined : verdictAction(table.any);
  const callers = mapped(table.bySpiffeId, verdictAction);
  return callers === undefined ? otherwise : exactMatch('caller', callers, otherwise);
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

function exactMatch(
  input: Guard['input'],
  map: Record<string, OnMatch>,
  otherwise: OnMatch | undefined,
): OnMatch {
  return nested({
    matcherType: {
      case: 'matcherTree',
      value: { input: inputs[input], treeType: { case: 'exactMatchMap', value: { map } } },
    },
    ...(otherwise === undefined ? {} : { onNoMatch: otherwise }),
  });
}

function nested(matcher: Matcher): OnMatch {
  return { onMatch: { case: 'matcher', value: matcher } };
}

function regexPredicate(input: Guard['input'], regex: string) {
  return {
    matchType: {
      case: 'singlePredicate' as const,
      value: {
        input: inputs[input],
        matcher: {
          case: 'valueMatch' as const,
          value: {
            matchPattern: {
              case: 'safeRegex' as const,
              value: { regex, engineType: { case: 'googleRe2' as const, value: {} } },
            },
          },
        },
      },
    },
  };
}

/** A rule has one verdict for all of its callers. */
const actions = new WeakMap<Verdict, Matcher_OnMatch>();

/** Both kinds let the request on: what is not named `allow/…` is asked about at the desk, which comes next. */
function verdictAction(verdict: Verdict): OnMatch {
  const known = actions.get(verdict);
  if (known !== undefined) return known;
  const name = `${verdict.kind}/${verdict.id}`;
  const action = create(Matcher_OnMatchSchema, {
    onMatch: {
      case: 'action',
      value: {
        name,
        typedConfig: any(ActionSchema, { name, action: RBAC_Action.ALLOW }),
      },
    },
  });
  actions.set(verdict, action);
  return action;
}

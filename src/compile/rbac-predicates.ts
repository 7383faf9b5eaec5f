import type { MessageInitShape } from '@bufbuild/protobuf';
import { escapeRegex } from '../base/escape-regex.ts';
import { UriSanInputSchema } from '../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '../gen/envoy/type/matcher/v3/http_inputs_pb.js';
import type { Matcher_MatcherList_PredicateSchema } from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type { StringMatcherSchema } from '../gen/xds/type/matcher/v3/string_pb.js';
import type { Clause, PlanInput, TextMatch } from '../policy/plan-parts.ts';
import { any, type Init } from './pack.ts';

export type Predicate = MessageInitShape<typeof Matcher_MatcherList_PredicateSchema>;
type StringMatch = NonNullable<Init<typeof StringMatcherSchema>['matchPattern']>;
type Input = ReturnType<typeof headerInput>;

/** Made once: a policy has many of them. */
const inputs = new Map<PlanInput, Input>([
  ['path', headerInput('path', ':path')],
  ['target', headerInput('target', ':path')],
  ['method', headerInput('method', ':method')],
  ['host', headerInput('host', ':authority')],
  ['caller', { name: 'caller', typedConfig: any(UriSanInputSchema, {}) }],
]);
const headerPrefix = 'header ';

export function matchInput(input: PlanInput): Input {
  return inputs.get(input) ?? headerInput('header', input.slice(headerPrefix.length));
}

function headerInput(name: string, headerName: string) {
  return { name, typedConfig: any(HttpRequestHeaderMatchInputSchema, { headerName }) };
}

export function clausePredicate({ input, match }: Clause): Predicate {
  return predicate(input, textMatch(match));
}

/** The input has the query too, about which no rule says anything; a path without it holds no question mark. */
export function regexPredicate(input: PlanInput, regex: string): Predicate {
  return predicate(input, regexMatch(input === 'path' ? `(?:${regex})(?:\\?\\C*)?` : regex));
}

export function exactPredicate(input: PlanInput, text: string): Predicate {
  return predicate(input, { case: 'exact', value: text });
}

export function prefixPredicate(input: PlanInput, text: string): Predicate {
  return predicate(input, { case: 'prefix', value: text });
}

export function notPredicate(value: Predicate): Predicate {
  return { matchType: { case: 'notMatcher', value } };
}

export function allPredicate(all: readonly Predicate[]): Predicate {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  return { matchType: { case: 'andMatcher', value: { predicate: [...all] } } };
}

function predicate(input: PlanInput, matchPattern: StringMatch): Predicate {
  return {
    matchType: {
      case: 'singlePredicate',
      value: {
        input: matchInput(input),
        matcher: { case: 'valueMatch', value: { matchPattern } },
      },
    },
  };
}

/** `.` stands for a character of UTF-8, so that it misses other bytes; `\\C` is any byte. */
function textMatch(match: TextMatch): StringMatch {
  switch (match.kind) {
    case 'exact':
      return { case: 'exact', value: match.text };
    case 'any-of':
      return regexMatch(match.texts.map(escapeRegex).join('|'));
    case 'single':
      return regexMatch('[^,]*');
    case 'list':
      return { case: 'contains', value: ',' };
    case 'present':
      return regexMatch('\\C*');
    case 'item':
      return regexMatch(`(?:\\C*,)?\\s*${escapeRegex(match.text)}\\s*(?:,\\C*)?`);
  }
}

function regexMatch(regex: string): StringMatch {
  return { case: 'safeRegex', value: { regex, engineType: { case: 'googleRe2', value: {} } } };
}

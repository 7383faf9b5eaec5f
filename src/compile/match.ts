import { escapeRegex } from '../base/escape-regex.ts';
import type {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
  RouteMatchSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.js';
import type { PathPattern, RouteMatch, ValueMatch } from '../model/types.ts';
import type { Init } from './pack.ts';

type EnvoyMatch = Init<typeof RouteMatchSchema>;
type EnvoyHeader = Init<typeof HeaderMatcherSchema>;
type EnvoyQuery = Init<typeof QueryParameterMatcherSchema>;

/** `methods` narrows the match further; used to retry only what is safe to repeat. */
export function envoyMatch(match: RouteMatch, methods?: readonly string[]): EnvoyMatch {
  const headers = match.headers.map(headerMatch);
  if (match.method !== undefined && match.method !== '*') {
    headers.push(exactHeader(':method', match.method));
  }
  if (methods !== undefined) headers.push(oneOfHeader(':method', methods));
  return {
    ...pathMatch(match.path),
    headers,
    queryParameters: match.query.map(queryMatch),
  };
}

/** The same set of paths as `matchesPath` in the model; a differential test holds them together. */
function pathMatch(pattern: PathPattern | undefined): EnvoyMatch {
  if (pattern === undefined) return { pathSpecifier: { case: 'prefix', value: '/' } };
  const rest = pattern.segments.at(-1) === '**';
  const segments = rest ? pattern.segments.slice(0, -1) : pattern.segments;
  if (segments.includes('*')) {
    const regex = `/${segments.map(segmentRegex).join('/')}${rest ? '(/.*)?' : ''}`;
    return { pathSpecifier: { case: 'safeRegex', value: { regex } } };
  }
  const literal = `/${segments.join('/')}`;
  if (!rest) return { pathSpecifier: { case: 'path', value: literal } };
  return literal === '/'
    ? { pathSpecifier: { case: 'prefix', value: '/' } }
    : { pathSpecifier: { case: 'pathSeparatedPrefix', value: literal } };
}

function segmentRegex(segment: string): string {
  return segment === '*' ? '[^/]+' : escapeRegex(segment);
}

function exactHeader(name: string, value: string): EnvoyHeader {
  return {
    name,
    headerMatchSpecifier: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'exact', value } },
    },
  };
}

function oneOfHeader(name: string, values: readonly string[]): EnvoyHeader {
  const regex = values.map(escapeRegex).join('|');
  return {
    name,
    headerMatchSpecifier: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'safeRegex', value: { regex } } },
    },
  };
}

function headerMatch(match: ValueMatch): EnvoyHeader {
  return match.value.kind === 'exact'
    ? exactHeader(match.name, match.value.text)
    : { name: match.name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
}

function queryMatch(match: ValueMatch): EnvoyQuery {
  const { value } = match;
  if (value.kind === 'present') {
    return {
      name: match.name,
      queryParameterMatchSpecifier: { case: 'presentMatch', value: true },
    };
  }
  return {
    name: match.name,
    queryParameterMatchSpecifier: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'exact', value: value.text } },
    },
  };
}

import { HeaderMutationSchema as TrailerMutationSchema } from '../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { HeaderMutationSchema } from '../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import type { StringMatcherSchema } from '../gen/envoy/type/matcher/v3/string_pb.js';
import { overridingHeaders } from '../policy/other-readings.ts';
import type { HttpFilter } from './http.ts';
import { any, type Init } from './pack.ts';

function removed(matchPattern: NonNullable<Init<typeof StringMatcherSchema>['matchPattern']>) {
  return { action: { case: 'removeOnMatch' as const, value: { keyMatcher: { matchPattern } } } };
}

/**
 * What only the mesh may say is taken from whoever else says it, before anything looks at it: all x-chancery-*, and all
 * x-envoy-* but the count of attempts, which a caller's proxy tells the application.
 */
export const withoutForgedHeaders = {
  name: 'envoy.http.early_header_mutation.header_mutation',
  typedConfig: any(HeaderMutationSchema, {
    mutations: [
      removed({ case: 'prefix', value: 'x-chancery-' }),
      removed({ case: 'safeRegex', value: { regex: 'x-envoy-(?:[^a].*|a[^t].*|at[^t].*|a?t?)' } }),
    ],
  }),
};

/** What says who asks, for what and of whom is decided about at the head of a request (RFC 9110 section 6.5.1). */
const notInTrailers = [
  ...['x-chancery-', 'x-envoy-', 'x-forwarded-'].map((value) => ({
    case: 'prefix' as const,
    value,
  })),
  ...[
    ...['authorization', 'proxy-authorization', 'cookie', 'forwarded'],
    ...['host', 'content-length', 'te', 'expect'],
    ...overridingHeaders.keys(),
  ].map((value) => ({ case: 'exact' as const, value })),
];

/**
 * What an application cannot say in its answer: that the mesh denied it, and what a caller's proxy goes by when it asks
 * again. Whole names, for a route takes no others; answers of the proxy's own keep theirs.
 */
export const forgedInAnswers: readonly string[] = [
  ...['code', 'decision'].map((name) => `x-chancery-${name}`),
  ...[
    'attempt-count',
    'decorator-operation',
    'degraded',
    'immediate-health-check-fail',
    'is-timeout-retry',
    'local-overloaded',
    'overloaded',
    'ratelimited',
    'upstream-canary',
    'upstream-healthchecked-cluster',
    'upstream-service-time',
  ].map((name) => `x-envoy-${name}`),
];

const meshPrefixes = ['x-chancery-', 'x-envoy-'].map((value) => ({
  case: 'prefix' as const,
  value,
}));

/**
 * An application of HTTP/2 gets what follows a body, and some take it for headers. Checksums and the like go on. Clients of
 * gRPC take what follows an answer for headers, too.
 */
export const withoutForgedTrailers: HttpFilter = {
  name: 'envoy.filters.http.header_mutation',
  configType: {
    case: 'typedConfig',
    value: any(TrailerMutationSchema, {
      mutations: {
        requestTrailersMutations: notInTrailers.map(removed),
        responseTrailersMutations: meshPrefixes.map(removed),
      },
    }),
  },
};

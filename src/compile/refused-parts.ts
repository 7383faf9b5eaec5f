import { fromBinary } from '@bufbuild/protobuf';
import type { Route, VirtualHost } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';

/** What is known of a resource that was refused. Only routes have parts. */
interface Refused<Place> {
  readonly bytes: Uint8Array;
  readonly from: readonly Place[];
}

/** How Envoy tells which field of a message breaks a constraint. */
const brokenHost = /RouteConfigurationValidationError\.VirtualHosts\[(\d+)\]/;
const brokenRoute = /VirtualHostValidationError\.Routes\[(\d+)\]/;
const quoted = /'([^']+)'|"([^"]+)"/g;
const last = /: (?!.*: )(.+)$/;

/** The last answer about each: a status is asked for again and again. */
const answers = new WeakMap<
  object,
  { readonly message: string; readonly from: readonly object[] }
>();

/**
 * The places that made a refused resource, first those of the parts that the reason is about, where it tells: Envoy counts
 * the routes that break a constraint, and quotes what else it does not take, such as an expression, or ends with it.
 */
export function refusedFrom<Place extends { readonly part?: string }>(
  refused: Refused<Place>,
  message: string,
): readonly Place[] {
  const { from } = refused;
  const known = answers.get(refused);
  if (known?.message === message) return known.from as readonly Place[];
  const parts = from.some(({ part }) => part !== undefined)
    ? blamedParts(refused.bytes, message)
    : new Set();
  const isBlamed = ({ part }: Place): boolean => part !== undefined && parts.has(part);
  const sorted =
    parts.size === 0 ? from : [...from.filter(isBlamed), ...from.filter((at) => !isBlamed(at))];
  answers.set(refused, { message, from: sorted });
  return sorted;
}

function blamedParts(bytes: Uint8Array, message: string): ReadonlySet<string> {
  const host = brokenHost.exec(message)?.[1];
  if (host !== undefined) {
    const routes = hostsOf(bytes)[Number(host)]?.routes ?? [];
    const route = brokenRoute.exec(message)?.[1];
    return partsOf(route === undefined ? routes : routes.slice(Number(route), Number(route) + 1));
  }
  const words = new Set(
    [...message.matchAll(quoted)].map(([, one, other]) => one ?? other ?? ''),
  ).add(last.exec(message)?.[1] ?? '');
  words.delete('');
  if (words.size === 0) return new Set();
  const routes = hostsOf(bytes).flatMap((one) => one.routes);
  const named = routes.filter((route) => saysAny(route, words));
  // What all have tells nothing of one.
  return named.length === routes.length ? new Set() : partsOf(named);
}

function hostsOf(bytes: Uint8Array): readonly VirtualHost[] {
  return fromBinary(RouteConfigurationSchema, bytes).virtualHosts;
}

/** `service/route`, and a suffix where one route of the intent became two. */
function partsOf(routes: readonly Route[]): ReadonlySet<string> {
  return new Set(routes.map(({ name }) => name.split('/').slice(0, 2).join('/')));
}

/** Whether any of these texts stands anywhere in a message. */
function saysAny(value: unknown, words: ReadonlySet<string>): boolean {
  if (typeof value === 'string') return words.has(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some((one) => saysAny(one, words));
}

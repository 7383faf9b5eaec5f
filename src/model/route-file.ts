import { isMap } from 'yaml';
import type { Position } from '../base/finding.ts';
import { matchFields, retryFields, routeFields } from './fields.ts';
import { parsePathPattern } from './path-pattern.ts';
import { readDurationMs, readLabel, readVersionName, readWord } from './scalars.ts';
import type {
  Retry,
  RouteId,
  RouteMatch,
  ValueMatch,
  VersionName,
  WeightedVersion,
} from './types.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

export interface RouteDraft {
  readonly id: RouteId;
  readonly at: Position;
  /** Something in it is an error that is not about what is written as it stands. */
  readonly isMisread: boolean;
  readonly match: RouteMatch;
  readonly split: readonly (WeightedVersion & { readonly at: Position })[];
  readonly timeoutMs: number | undefined;
  readonly retry: Retry | undefined;
  readonly deskAway: 'closed' | 'open';
}

export const matchesAll: RouteMatch = {
  path: undefined,
  method: undefined,
  headers: [],
  query: [],
};

export function readRoutes(file: YamlFile, service: Fields): readonly RouteDraft[] {
  const node = service.get('routes');
  if (node === undefined) return [];
  const items = file.list(node, 'each item of `routes` is a route', false) ?? [];
  const routes = items.flatMap((item) => {
    const read = (): RouteDraft | undefined => readRoute(file, item);
    const route = file.part(misreadRoutes, read, (one) => one && { ...one, isMisread: true });
    return route ?? [];
  });
  return routes.map((route, index) => ({ ...route, id: uniqueId(routes, route, index) }));
}

/** A match that is not understood would take the requests of others. */
export const misreadRoutes =
  'the route is left out: its requests go where those that no route names go';

/** Two routes of one derived name are told apart by their order, which is part of what they mean. */
function uniqueId(routes: readonly RouteDraft[], route: RouteDraft, index: number): RouteId {
  const before = routes.slice(0, index).filter((other) => other.id === route.id).length;
  return (before === 0 ? route.id : `${route.id}-${before + 1}`) as RouteId;
}

function readRoute(file: YamlFile, node: YamlNode): RouteDraft | undefined {
  const fields = file.fields(node, routeFields, 'a route');
  if (fields === undefined) return undefined;
  const matchNode = fields.get('match');
  const match = matchNode === undefined ? matchesAll : readMatch(file, matchNode);
  const idNode = fields.get('id');
  const id = idNode === undefined ? derivedId(match) : readLabel(file, idNode, 'the id of a route');
  const retryNode = fields.get('retry');
  return {
    id: (id ?? 'route') as RouteId,
    at: file.at(node),
    isMisread: false,
    match,
    split: readTarget(file, fields),
    timeoutMs: readDurationMs(file, fields.get('timeout')),
    retry: retryNode === undefined ? undefined : readRetry(file, retryNode),
    deskAway: readDeskAway(file, fields.get('desk_away'), match),
  };
}

/** The proxy opens it by path and method. */
function readDeskAway(file: YamlFile, node: YamlNode, match: RouteMatch): 'closed' | 'open' {
  const word = readWord(file, node, ['closed', 'open']) ?? 'closed';
  if (word === 'open' && match.headers.length + match.query.length > 0) {
    file.report('CH1144', node, 'a route with headers or a query cannot be open', {
      expected: 'a match of `path` and `method` alone',
      help: 'make it a route of its own, or leave `desk_away` out',
    });
  }
  return word;
}

function readTarget(file: YamlFile, fields: Fields): RouteDraft['split'] {
  const to = fields.get('to');
  const split = fields.get('split');
  if ((to === undefined) === (split === undefined)) {
    file.report('CH1044', fields.node, 'a route has either `to` or `split`', {
      expected: 'exactly one of the two',
      help: 'to: v2    or    split: { v1: 90, v2: 10 }',
    });
    return [];
  }
  if (to !== undefined) {
    const version = readVersionName(file, to);
    return version === undefined ? [] : [{ version, weight: 100, at: file.at(to) }];
  }
  return readSplit(file, split);
}

function readSplit(file: YamlFile, node: YamlNode): RouteDraft['split'] {
  if (!isMap(node)) {
    file.wrongType(node, 'versions and their shares, such as { v1: 90, v2: 10 }');
    return [];
  }
  const shares = file.entries(node).flatMap(({ keyNode, value }) => {
    const version = readVersionName(file, keyNode);
    const text = file.text(value, 'a share from 0 to 100');
    const weight = Number(text);
    if (version === undefined || text === undefined) return [];
    if (/^\d{1,3}$/.test(text) && weight <= 100) return [{ version, weight, at: file.at(keyNode) }];
    file.report('CH1044', value, `"${text}" is not a share`, {
      expected: 'a whole number from 0 to 100',
    });
    return [];
  });
  const sum = shares.reduce((total, share) => total + share.weight, 0);
  if (shares.length === node.items.length && sum !== 100) {
    file.report('CH1040', node, `the shares add to ${sum}`, {
      expected: 'a sum of 100',
      found: shares.map((share) => `${share.version}: ${share.weight}`).join(' + '),
    });
  }
  return shares.sort((a, b) => (a.version < b.version ? -1 : 1));
}

function readMatch(file: YamlFile, node: YamlNode): RouteMatch {
  const fields = file.fields(node, matchFields, 'a match');
  if (fields === undefined) return matchesAll;
  const pathNode = fields.get('path');
  const pathText = pathNode === undefined ? undefined : file.text(pathNode, 'a path pattern');
  const path = pathText === undefined ? undefined : parsePathPattern(pathText);
  if (path?.ok === false) {
    file.report('CH1035', pathNode, `"${pathText}" is no path pattern: ${path.error}`, {
      expected: 'such as /v2/charges, /v2/*/items or /v2/**',
    });
  }
  const methodNode = fields.get('method');
  const method = methodNode === undefined ? undefined : file.text(methodNode, 'an HTTP method');
  if (method !== undefined && !/^([A-Z]{1,32}|\*)$/.test(method)) {
    file.report('CH1034', methodNode, `"${method}" is no method`, { expected: 'capital letters' });
  }
  return {
    path: path?.ok === true ? path.value : undefined,
    method: method === '*' ? undefined : method,
    headers: readValues(file, fields.get('header'), (name) => name.toLowerCase()),
    query: readValues(file, fields.get('query'), (name) => name),
  };
}

export function readValues(
  file: YamlFile,
  node: YamlNode,
  nameOf: (name: string) => string,
): readonly ValueMatch[] {
  if (node === undefined) return [];
  if (!isMap(node)) {
    file.wrongType(node, 'names and values, such as { x-beta: "1" }');
    return [];
  }
  if (!file.filledMap(node)) return [];
  return file.entries(node).flatMap(({ key, value }) => {
    const text = file.text(value, 'a value, or "*" for any');
    if (text === undefined) return [];
    const match: ValueMatch['value'] = text === '*' ? { kind: 'present' } : { kind: 'exact', text };
    return [{ name: nameOf(key), value: match }];
  });
}

const attemptsMax = 5;

function readRetry(file: YamlFile, node: YamlNode): Retry | undefined {
  const fields = file.fields(node, retryFields, '`retry`');
  if (fields === undefined) return undefined;
  const attemptsNode = fields.get('attempts');
  const text = attemptsNode === undefined ? undefined : file.text(attemptsNode, 'a number');
  const attempts = Number(text ?? 1);
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > attemptsMax) {
    file.report('CH1046', attemptsNode, `"${text}" is not a number of retries`, {
      expected: `from 1 to ${attemptsMax}`,
    });
  }
  return {
    attempts,
    perTryTimeoutMs: readDurationMs(file, fields.get('per_try_timeout')),
    on: readWord(file, fields.get('on'), ['safe', 'always']) ?? 'safe',
  };
}

function derivedId(match: RouteMatch): string {
  const words = [
    match.method,
    match.path?.text.replaceAll('**', 'all').replaceAll('*', 'any'),
    ...[...match.headers, ...match.query].flatMap(({ name, value }) => [
      name,
      value.kind === 'exact' ? value.text : 'any',
    ]),
  ].filter((word) => word !== undefined);
  if (words.length === 0) return 'default';
  const id = words
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  return id.replaceAll(/^-|-$/g, '').slice(0, 63);
}

/** Whether every request that `narrow` matches is matched by `wide` before it. */
export function coversMatch(
  wide: RouteMatch,
  narrow: RouteMatch,
  coversPath: (
    wide: NonNullable<RouteMatch['path']>,
    narrow: NonNullable<RouteMatch['path']>,
  ) => boolean,
): boolean {
  if (wide.method !== undefined && wide.method !== narrow.method) return false;
  if (
    wide.path !== undefined &&
    (narrow.path === undefined || !coversPath(wide.path, narrow.path))
  ) {
    return false;
  }
  return coversValues(wide.headers, narrow.headers) && coversValues(wide.query, narrow.query);
}

function coversValues(wide: readonly ValueMatch[], narrow: readonly ValueMatch[]): boolean {
  return wide.every((one) =>
    narrow.some(
      (other) =>
        other.name === one.name &&
        (one.value.kind === 'present' ||
          (other.value.kind === 'exact' && other.value.text === one.value.text)),
    ),
  );
}

export function versionsOf(routes: readonly RouteDraft[]): readonly VersionName[] {
  return routes.flatMap((route) => route.split.map((share) => share.version));
}

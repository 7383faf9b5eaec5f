import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { differingFields } from './differing-fields.ts';
import { anyTypes, resourceSchemas } from './message-types.ts';
import type { Resource } from './resource.ts';

/** What one resource names that must be there too. */
export interface Reference {
  readonly to: 'cluster' | 'endpoints' | 'routes' | 'secret' | 'extension';
  readonly name: string;
}

interface References {
  readonly found: readonly Reference[];
  /** Types of messages in it that nobody here can look into. */
  readonly unknownTypes: readonly string[];
}

/** Fields that hold the name of another resource, by message and field. */
const naming: Readonly<Record<string, Readonly<Record<string, Reference['to']>>>> = {
  'envoy.config.route.v3.RouteAction': { cluster: 'cluster' },
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy': { cluster: 'cluster' },
  'envoy.config.route.v3.WeightedCluster.ClusterWeight': { name: 'cluster' },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': { cluster: 'cluster' },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight': {
    name: 'cluster',
  },
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': { cluster_name: 'cluster' },
  'envoy.config.core.v3.HttpUri': { cluster: 'cluster' },
  'envoy.extensions.filters.network.http_connection_manager.v3.Rds': {
    route_config_name: 'routes',
  },
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig': { name: 'secret' },
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': { service_name: 'endpoints' },
};

interface SelfNamed {
  readonly field: string;
  readonly to: Reference['to'];
}

/** Messages that stand for a reference by their own name once a field is set, unless that field gives another. */
const namedBySelf: Readonly<Record<string, SelfNamed>> = {
  'envoy.config.cluster.v3.Cluster': { field: 'eds_cluster_config', to: 'endpoints' },
  'envoy.config.listener.v3.Filter': { field: 'config_discovery', to: 'extension' },
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter': {
    field: 'config_discovery',
    to: 'extension',
  },
};

const known = new WeakMap<Resource, References>();

/** Read from the bytes themselves, so that it does not rest on what the compiler meant; once for each resource. */
export function referencesOf(resource: Resource): References {
  const before = known.get(resource);
  if (before !== undefined) return before;
  const walk: Walk = { found: [], unknownTypes: [] };
  walkMessage(walk, resourceSchemas[resource.typeUrl], resource.bytes);
  known.set(resource, walk);
  return walk;
}

/**
 * Those that `known` of the same type does not say as well, and maybe some that it does. Only messages that are named by
 * themselves cannot be read in part.
 */
export function referencesBeside(resource: Resource, known: Resource): References {
  const schema = resourceSchemas[resource.typeUrl];
  if (known.typeUrl !== resource.typeUrl || schema.typeName in namedBySelf)
    return referencesOf(resource);
  const walk: Walk = { found: [], unknownTypes: [] };
  walkMessage(walk, schema, differingFields(resource.bytes, known.bytes).now);
  return walk;
}

interface Walk {
  readonly found: Reference[];
  readonly unknownTypes: string[];
}

/** What to do with a field; one without a step leads to no name. */
type Step =
  | { readonly kind: 'name'; readonly to: Reference['to'] }
  | { readonly kind: 'own name' }
  | { readonly kind: 'message' | 'map' | 'self'; readonly schema: DescMessage };

const anyName = 'google.protobuf.Any';

function walkMessage(walk: Walk, schema: DescMessage, bytes: Uint8Array): void {
  if (schema.typeName === anyName) {
    walkAny(walk, bytes);
    return;
  }
  const plan = planOf(schema);
  const self = namedBySelf[schema.typeName];
  let ownName = '';
  let isNamedBySelf = false;
  forEachField(bytes, (field, value) => {
    const step = plan.get(field);
    switch (step?.kind) {
      case undefined:
        return;
      case 'name':
        walk.found.push({ to: step.to, name: text(value) });
        return;
      case 'own name':
        ownName = text(value);
        return;
      case 'message':
        walkMessage(walk, step.schema, value);
        return;
      case 'map':
        forEachField(value, (part, inner) => {
          if (part === mapValue) walkMessage(walk, step.schema, inner);
        });
        return;
      case 'self':
        isNamedBySelf = self !== undefined && !namesAnother(walk, step.schema, value, self.to);
    }
  });
  if (isNamedBySelf && self !== undefined) walk.found.push({ to: self.to, name: ownName });
}

/** Whether the field gave a name of its own. */
function namesAnother(
  walk: Walk,
  schema: DescMessage,
  bytes: Uint8Array,
  what: Reference['to'],
): boolean {
  const before = walk.found.length;
  walkMessage(walk, schema, bytes);
  return walk.found.slice(before).some(({ to }) => to === what);
}

function walkAny(walk: Walk, bytes: Uint8Array): void {
  let type = '';
  let value: Uint8Array = new Uint8Array();
  forEachField(bytes, (field, content) => {
    if (field === 1) type = text(content).replace(/^.*\//, '');
    else if (field === 2) value = content;
  });
  const schema = anyTypes.getMessage(type);
  if (schema === undefined) walk.unknownTypes.push(type);
  else walkMessage(walk, schema, value);
}

const mapValue = 2;

/** The fields that hold texts, messages or bytes. */
function forEachField(bytes: Uint8Array, take: (field: number, value: Uint8Array) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) take(field, reader.bytes());
    else reader.skip(type, field);
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** Types never change: each is planned once. */
const plans = new WeakMap<DescMessage, ReadonlyMap<number, Step>>();

function planOf(schema: DescMessage): ReadonlyMap<number, Step> {
  const before = plans.get(schema);
  if (before !== undefined) return before;
  const self = namedBySelf[schema.typeName];
  const plan = new Map<number, Step>();
  for (const field of schema.fields) {
    const step = stepOf(field, self);
    if (step !== undefined) plan.set(field.number, step);
  }
  plans.set(schema, plan);
  return plan;
}

function stepOf(field: DescField, self: SelfNamed | undefined): Step | undefined {
  const to = naming[field.parent.typeName]?.[field.name];
  if (to !== undefined) return { kind: 'name', to };
  if (self !== undefined && field.name === 'name') return { kind: 'own name' };
  const schema =
    field.fieldKind === 'scalar' || field.fieldKind === 'enum' ? undefined : field.message;
  if (schema === undefined || !leadsToNames(schema)) return undefined;
  if (field.fieldKind === 'map') return { kind: 'map', schema };
  return { kind: field.name === self?.field ? 'self' : 'message', schema };
}

/** Whether some message inside, at any depth, names something or may hold anything. */
function leadsToNames(schema: DescMessage): boolean {
  const seen = new Set<DescMessage>();
  const open = [schema];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (next.typeName === anyName || next.typeName in naming || next.typeName in namedBySelf) {
      return true;
    }
    for (const field of next.fields) {
      if (field.fieldKind !== 'scalar' && field.fieldKind !== 'enum' && field.message !== undefined)
        open.push(field.message);
    }
  }
  return false;
}

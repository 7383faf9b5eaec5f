import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { contentHash } from '../../compile/content-hash.ts';
import { differingFields } from '../../compile/differing-fields.ts';
import { appCluster } from '../../compile/names.ts';
import { type Resource, type Snapshot, typeUrls } from '../../compile/resource.ts';

/**
 * A piece of proxies' configuration that Envoy can judge by itself. What many proxies share is judged once: a service
 * with a thousand callers is one cluster and one virtual host, whoever has them.
 */
export type Part =
  | { readonly kind: 'cluster'; readonly key: string; readonly resource: Resource }
  | {
      readonly kind: 'virtual-host';
      readonly key: string;
      readonly bytes: Uint8Array;
      /** Of these routes only; all of them when undefined. */
      readonly onlyRoute: number | undefined;
      readonly resource: Resource;
    }
  | {
      /** What a proxy listens on, with its policy and the frame of its routes inside, and its application. */
      readonly kind: 'listeners';
      readonly key: string;
      readonly listeners: readonly Resource[];
      readonly extensions: ReadonlyMap<string, Resource>;
      /** Route configurations by name, without their virtual hosts. */
      readonly frames: ReadonlyMap<string, Uint8Array>;
      readonly app: Resource | undefined;
    };

/**
 * The parts of one proxy, without endpoints: they come and go without a commit, and never wait for a gate. Without those that
 * `taken`, what the proxy was to have before, is seen to hold as well.
 */
export function partsOf(snapshot: Snapshot, taken?: Snapshot): readonly Part[] {
  const routes = [...(snapshot.get(typeUrls.routes)?.values() ?? [])].map((resource) => {
    const before = taken?.get(typeUrls.routes)?.get(resource.name);
    if (before === undefined)
      return { resource, isFramedAlike: false, ...splitRoutes(resource.bytes) };
    const differing = differingFields(resource.bytes, before.bytes);
    const now = splitRoutes(differing.now);
    const frames = now.frame.length + splitRoutes(differing.before).frame.length;
    return { resource, isFramedAlike: frames === 0, ...now };
  });
  const listeners =
    taken !== undefined &&
    isListenedAlike(snapshot, taken) &&
    routes.every((one) => one.isFramedAlike)
      ? []
      : [listenersPart(snapshot)];
  return [
    ...clustersBeside(snapshot, taken),
    ...routes.flatMap(({ resource, virtualHosts }) =>
      virtualHosts.map((bytes) => ({
        kind: 'virtual-host' as const,
        key: `virtual-host ${contentHash(bytes)}`,
        bytes,
        onlyRoute: undefined,
        resource,
      })),
    ),
    ...listeners,
  ];
}

function clustersBeside(snapshot: Snapshot, taken: Snapshot | undefined): readonly Part[] {
  const [now, before] = [snapshot.get(typeUrls.cluster), taken?.get(typeUrls.cluster)];
  if (now === undefined || now === before) return [];
  const parts: Part[] = [];
  for (const resource of now.values()) {
    if (resource.name === appCluster || before?.get(resource.name) === resource) continue;
    parts.push({ kind: 'cluster', key: `cluster ${resource.version}`, resource });
  }
  return parts;
}

/** All that a proxy listens with, but for the frames of its routes. */
function isListenedAlike(snapshot: Snapshot, taken: Snapshot): boolean {
  const appOf = (one: Snapshot) => one.get(typeUrls.cluster)?.get(appCluster);
  return (
    snapshot.get(typeUrls.listener) === taken.get(typeUrls.listener) &&
    snapshot.get(typeUrls.extension) === taken.get(typeUrls.extension) &&
    snapshot.get(typeUrls.routes)?.size === taken.get(typeUrls.routes)?.size &&
    appOf(snapshot) === appOf(taken)
  );
}

function listenersPart(snapshot: Snapshot): Part {
  const frames = new Map<string, Uint8Array>();
  for (const { name, bytes } of snapshot.get(typeUrls.routes)?.values() ?? [])
    frames.set(name, splitRoutes(bytes).frame);
  const listeners = [...(snapshot.get(typeUrls.listener)?.values() ?? [])];
  const extensions = snapshot.get(typeUrls.extension) ?? new Map<string, Resource>();
  const app = snapshot.get(typeUrls.cluster)?.get(appCluster);
  const versions = [...listeners, ...extensions.values(), ...(app === undefined ? [] : [app])].map(
    ({ version }) => version,
  );
  const key = `listeners ${contentHash(...versions, ...frames.values())}`;
  return { kind: 'listeners', key, listeners, extensions, frames, app };
}

/** envoy.config.route.v3.RouteConfiguration.virtual_hosts */
const virtualHostsField = 2;

/** By its wire form: to decode a thousand route configurations takes longer than to judge what changed in them. */
function splitRoutes(bytes: Uint8Array): {
  readonly virtualHosts: readonly Uint8Array[];
  readonly frame: Uint8Array;
} {
  const reader = new BinaryReader(bytes);
  const virtualHosts: Uint8Array[] = [];
  const frame: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    if (field === virtualHostsField && wireType === WireType.LengthDelimited) {
      virtualHosts.push(reader.bytes());
    } else {
      reader.skip(wireType, field);
      frame.push(bytes.subarray(start, reader.pos));
    }
  }
  return { virtualHosts, frame: Buffer.concat(frame) };
}

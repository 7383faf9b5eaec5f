import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { contentHash } from '../../compile/content-hash.ts';
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

/** The parts of one proxy, without endpoints: they come and go without a commit, and never wait for a gate. */
export function partsOf(snapshot: Snapshot): readonly Part[] {
  const clusters = [...(snapshot.get(typeUrls.cluster)?.values() ?? [])];
  const routes = [...(snapshot.get(typeUrls.routes)?.values() ?? [])];
  const split = routes.map((resource) => ({ resource, ...splitRoutes(resource.bytes) }));
  return [
    ...clusters
      .filter(({ name }) => name !== appCluster)
      .map((resource) => ({
        kind: 'cluster' as const,
        key: `cluster ${resource.version}`,
        resource,
      })),
    ...split.flatMap(({ resource, virtualHosts }) =>
      virtualHosts.map((bytes) => ({
        kind: 'virtual-host' as const,
        key: `virtual-host ${contentHash(bytes)}`,
        bytes,
        onlyRoute: undefined,
        resource,
      })),
    ),
    listenersPart(snapshot, new Map(split.map(({ resource, frame }) => [resource.name, frame]))),
  ];
}

function listenersPart(snapshot: Snapshot, frames: ReadonlyMap<string, Uint8Array>): Part {
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
export function splitRoutes(bytes: Uint8Array): {
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

import type { Position } from '../../base/finding.ts';
import { type Resource, type Snapshot, shortType, type TypeUrl } from '../../compile/resource.ts';
import { presentOf } from './sequencer.ts';
import type { XdsStream } from './stream.ts';

export interface ProxyStatus {
  readonly streams: number;
  /** All of the present snapshot is taken or refused, on every stream. */
  readonly converged: boolean;
  readonly rejected: readonly RejectedResource[];
}

export interface RejectedResource {
  /** Short type and name, such as `Cluster payments`. */
  readonly resource: string;
  readonly message: string;
  readonly version: string;
  /** Where in the intent it comes from. */
  readonly from: readonly Position[];
}

/** What one stream has of one resource. Undefined versions: not sent, not accepted. */
export interface ResourceStatus {
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
  readonly sent: string | undefined;
  readonly accepted: string | undefined;
  readonly state: 'not asked for' | 'to be sent' | 'sent' | 'accepted' | 'rejected' | 'quarantined';
}

export function proxyStatus(snapshot: Snapshot, streams: ReadonlySet<XdsStream>): ProxyStatus {
  const rejected = new Map<string, RejectedResource>();
  for (const stream of streams) {
    for (const one of rejectedBy(stream, snapshot)) rejected.set(one.resource, one);
  }
  return {
    streams: streams.size,
    converged: streams.size > 0 && [...streams].every((stream) => stream.isConverged),
    rejected: [...rejected.values()],
  };
}

/** Every resource of the snapshot, as one stream has it. */
export function resourceStatuses(snapshot: Snapshot, stream: XdsStream): ResourceStatus[] {
  return [...snapshot.values()].flatMap((present) =>
    [...present.values()].map((resource) => {
      const { typeUrl, name, version } = resource;
      const known = stream.types.get(typeUrl);
      return {
        type: typeUrl,
        name,
        version,
        sent: known?.sentVersion(name),
        accepted: known?.acceptedVersion(name),
        state: stateOf(stream, resource),
      };
    }),
  );
}

function stateOf(stream: XdsStream, resource: Resource): ResourceStatus['state'] {
  const { typeUrl, name, version } = resource;
  const known = stream.types.get(typeUrl);
  if (known === undefined || !known.wants(name)) return 'not asked for';
  if (known.rejection(resource) !== undefined) return 'rejected';
  if (known.isRefused(resource)) return 'quarantined';
  if (known.acceptedVersion(name) === version) return 'accepted';
  return known.sentVersion(name) === version ? 'sent' : 'to be sent';
}

function rejectedBy(stream: XdsStream, snapshot: Snapshot): RejectedResource[] {
  return [...stream.types].flatMap(([type, known]) =>
    [...presentOf(snapshot, type).values()].flatMap((resource) => {
      if (!known.wants(resource.name) || !known.isRefused(resource)) return [];
      const message = known.rejection(resource)?.message ?? 'refused by several other proxies';
      const { name, version, from } = resource;
      return [{ resource: `${shortType(type)} ${name}`, message, version, from }];
    }),
  );
}

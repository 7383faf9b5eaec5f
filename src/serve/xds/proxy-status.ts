import type { Position } from '../../base/finding.ts';
import { type Resource, type Snapshot, shortType, type TypeUrl } from '../../compile/resource.ts';
import type { Present } from './exchange.ts';
import type { RefusedFrom } from './quarantine.ts';
import { presentOf } from './sequencer.ts';
import type { XdsStream } from './stream.ts';
import type { TypeState } from './type-state.ts';

export interface ProxyStatus {
  /**
   * `away`: no stream. `converging`: something is still to be sent or taken. `stuck`: a response is not acknowledged
   * in time. `refusing`: all is taken but for what was refused.
   */
  readonly state: 'away' | 'converging' | 'stuck' | 'refusing' | 'converged';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly streams: number;
  /** All of the present snapshot is taken or refused, on every stream. */
  readonly converged: boolean;
  readonly rejected: readonly RejectedResource[];
}

/** Why a resource is not in force. */
interface Refusal {
  readonly message: string;
  /** Where in the intent the resource comes from. */
  readonly from: readonly Position[];
}

export interface RejectedResource extends Refusal {
  /** Short type and name, such as `Cluster payments`. */
  readonly resource: string;
  readonly version: string;
  /** By this proxy, or by so many others that it is spared this one. */
  readonly state: 'rejected' | 'quarantined';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** What one stream has of one resource. Undefined versions: not sent, not accepted. */
export interface ResourceStatus {
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
  readonly sent: string | undefined;
  readonly accepted: string | undefined;
  readonly state: 'not asked for' | 'to be sent' | 'sent' | 'accepted' | 'rejected' | 'quarantined';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Of what is rejected or quarantined. */
  readonly refusal: Refusal | undefined;
}

/** What is known of a proxy beside its streams. Times are monotonic milliseconds. */
export interface StatusContext {
  readonly streams: ReadonlySet<XdsStream>;
  /** Since when something of the snapshot is not taken; undefined when all is. */
  readonly dirtySinceMs: number | undefined;
  /** When it last changed between connected and away, or from dirty to clean. */
  readonly settledAtMs: number;
  readonly refusedFrom: RefusedFrom;
  readonly quarantinedSinceMs: (resource: Resource) => number | undefined;
  /** Monotonic milliseconds as milliseconds since the epoch. */
  readonly wallMs: (monotonicMs: number) => number;
}

export function proxyStatus(context: StatusContext): ProxyStatus {
  const { streams } = context;
  const rejected = new Map<string, RejectedResource>();
  for (const stream of streams) {
    for (const one of rejectedBy(stream, context)) rejected.set(one.resource, one);
  }
  return {
    ...stateOfProxy(context, [...rejected.values()]),
    streams: streams.size,
    converged: streams.size > 0 && [...streams].every((stream) => stream.isConverged),
    rejected: [...rejected.values()],
  };
}

function stateOfProxy(
  context: StatusContext,
  rejected: readonly RejectedResource[],
): Pick<ProxyStatus, 'state' | 'sinceMs'> {
  const { streams, settledAtMs, dirtySinceMs, wallMs } = context;
  if (streams.size === 0) return { state: 'away', sinceMs: wallMs(settledAtMs) };
  const stuckMs = [...streams].flatMap((stream) => stream.stuckSinceMs ?? []);
  if (stuckMs.length > 0) return { state: 'stuck', sinceMs: wallMs(Math.min(...stuckMs)) };
  if (![...streams].every((stream) => stream.isConverged)) {
    return { state: 'converging', sinceMs: wallMs(dirtySinceMs ?? settledAtMs) };
  }
  if (rejected.length === 0) return { state: 'converged', sinceMs: wallMs(settledAtMs) };
  return { state: 'refusing', sinceMs: Math.min(...rejected.map(({ sinceMs }) => sinceMs)) };
}

/** Every resource that the stream is to have, as it has it. */
export function resourceStatuses(context: StatusContext, stream: XdsStream): ResourceStatus[] {
  return resourcesOf(stream.snapshot).map((resource) => {
    const { typeUrl, name, version } = resource;
    const known = stream.types.get(typeUrl);
    const { state, sinceMs } = stateOf(context, known, resource);
    const isRefused = state === 'rejected' || state === 'quarantined';
    return {
      type: typeUrl,
      name,
      version,
      sent: known?.sentVersion(name),
      accepted: known?.acceptedVersion(name),
      state,
      sinceMs: context.wallMs(sinceMs),
      refusal: isRefused ? refusalOf(context, known, resource) : undefined,
    };
  });
}

function stateOf(
  context: StatusContext,
  known: TypeState | undefined,
  resource: Resource,
): Pick<ResourceStatus, 'state' | 'sinceMs'> {
  const { name, version } = resource;
  const sinceMs = context.dirtySinceMs ?? context.settledAtMs;
  if (known === undefined || !known.wants(name)) return { state: 'not asked for', sinceMs };
  const rejection = known.rejection(resource);
  if (rejection !== undefined) return { state: 'rejected', sinceMs: rejection.atMs };
  if (known.isRefused(resource)) {
    const atMs = context.quarantinedSinceMs(resource);
    return { state: 'quarantined', sinceMs: atMs ?? sinceMs };
  }
  if (known.acceptedVersion(name) === version) {
    return { state: 'accepted', sinceMs: known.acceptedAtMs(name) ?? sinceMs };
  }
  if (known.sentVersion(name) !== version) return { state: 'to be sent', sinceMs };
  return { state: 'sent', sinceMs: known.waitingSinceMs ?? sinceMs };
}

function refusalOf(
  { refusedFrom }: StatusContext,
  known: TypeState | undefined,
  resource: Resource,
): Refusal {
  const message = known?.rejection(resource)?.message ?? 'refused by several other proxies';
  return { message, from: refusedFrom(resource, message) };
}

function rejectedBy(stream: XdsStream, context: StatusContext): RejectedResource[] {
  const rejected: RejectedResource[] = [];
  for (const [type, known] of stream.types) {
    const present = presentOf(stream.snapshot, type);
    if (known.refusesAnyOf(present)) rejected.push(...rejectedOf(present, known, context));
  }
  return rejected;
}

function rejectedOf(
  present: Present,
  known: TypeState,
  context: StatusContext,
): RejectedResource[] {
  return [...present.values()].flatMap((resource) => {
    const { state, sinceMs } = stateOf(context, known, resource);
    if (state !== 'rejected' && state !== 'quarantined') return [];
    const { name, version } = resource;
    return [
      {
        resource: `${shortType(resource.typeUrl)} ${name}`,
        ...refusalOf(context, known, resource),
        version,
        state,
        sinceMs: context.wallMs(sinceMs),
      },
    ];
  });
}

function resourcesOf(snapshot: Snapshot): Resource[] {
  return [...snapshot.values()].flatMap((present) => [...present.values()]);
}

import type { Clock } from '../base/clock.ts';
import type { LedgerKind } from '../base/ledger.ts';
import { type MadeResource, resourceId } from '../base/ledger.ts';
import type { WorkloadId } from '../compile/inventory.ts';
import { type Resource, type Snapshot, shortType, type TypeUrl } from '../compile/resource.ts';
import { type Held, type HeldByName, heldText, versionsText } from '../explain/held.ts';
import type { XdsEvent } from '../serve/xds/events.ts';
import type { Store } from '../store/store.ts';
import type { SnapshotSink } from './publisher.ts';

/** So often the whole of what each proxy has is written down: a reader goes back no further, and pruning takes nothing. */
const checkpointEveryMs = 24 * 3_600_000;

type Facts = Readonly<Record<string, string | number>>;
type EventOf<Kind extends XdsEvent['kind']> = Extract<XdsEvent, { readonly kind: Kind }>;

/**
 * Writes down what each proxy was sent, took and refused, with the commit and the lines that made it. Holds names and
 * versions only, and those are the strings of the snapshots.
 */
export class ProxyLedger {
  readonly #options: ProxyLedgerOptions;
  readonly #proxies = new Map<string, Map<TypeUrl, Map<string, Held>>>();
  /** NACKs that nothing has mended, by `type name`: a checkpoint says them again. */
  readonly #refusals = new Map<string, Map<string, Facts>>();
  readonly #links = new Map<string, { readonly streams: number; readonly linkMs: number }>();
  /** The commit of what a proxy is being sent. */
  readonly #commits = new Map<string, string>();
  /** Written down already by this process. */
  readonly #known = new WeakSet<Resource>();
  #cancel = (): void => {};

  constructor(options: ProxyLedgerOptions) {
    this.#options = options;
  }

  /** Stands before the xDS service: what is sent to a proxy is of the commit that was published to it last. */
  sink(to: ProxySink): SnapshotSink {
    return {
      publish: (proxy, snapshot, onDemand, commit) => {
        this.#commits.set(proxy, commit);
        to.publish(proxy, snapshot, onDemand);
      },
      retire: (proxy) => {
        to.retire(proxy);
        this.#retired(proxy);
      },
    };
  }

  linked({ kind, proxy, node }: EventOf<'connected' | 'disconnected'>): void {
    const { streams, linkMs } = this.#links.get(proxy) ?? { streams: 0, linkMs: 0 };
    const now = Math.max(0, streams + (kind === 'connected' ? 1 : -1));
    const isSame = now > 0 && streams > 0;
    this.#links.set(proxy, {
      streams: now,
      linkMs: isSame ? linkMs : this.#options.clock.nowMs(),
    });
    this.#record(`proxy-${kind}`, proxy, { agent: node.userAgent });
  }

  /** What a proxy says it has is written down where it is not what was known, such as after it restarted. */
  opened({ proxy, type, versions }: EventOf<'opened'>): void {
    const known = this.#held(proxy, type);
    const isKnown = this.#proxies.get(proxy)?.has(type) === true;
    const same =
      known.size === versions.size &&
      [...versions].every(([name, version]) => known.get(name)?.version === version);
    if (same && isKnown) return;
    const sinceMs = this.#options.clock.nowMs();
    const now = new Map<string, Held>();
    for (const [name, version] of versions) {
      const before = known.get(name);
      now.set(name, before?.version === version ? before : { version, sinceMs });
    }
    this.#set(proxy, type, now);
    this.#record('proxy-holds', proxy, {
      type: shortType(type),
      has: versionsText([...versions].map(([name, version]) => ({ name, version }))),
    });
  }

  sent({ proxy, resources }: EventOf<'sent'>): void {
    for (const resource of resources) {
      if (this.#known.has(resource)) continue;
      this.#known.add(resource);
      this.#options.store.keepResource(this.#made(resource, this.#commits.get(proxy) ?? ''));
    }
  }

  #made(resource: Resource, commit: string): MadeResource {
    const { typeUrl, name, version, bytes } = resource;
    const from = resource.from.map(({ file, line, part }) => ({
      ...{ file, line },
      ...(part === undefined ? {} : { part }),
    }));
    const atMs = this.#options.clock.nowMs();
    return { type: shortType(typeUrl), name, version, atMs, commit, from, bytes };
  }

  accepted({ proxy, type, accepted, removed, overtaken, tookMs }: EventOf<'acked'>): void {
    const sinceMs = this.#options.clock.nowMs();
    const held = this.#held(proxy, type);
    for (const name of removed) held.delete(name);
    const mended = accepted.map(({ name }) => name).filter((name) => !overtaken.includes(name));
    for (const name of [...removed, ...mended]) {
      this.#refusals.get(proxy)?.delete(`${type} ${name}`);
    }
    for (const { name, version } of accepted) {
      if (held.get(name)?.version !== version) held.set(name, { version, sinceMs });
    }
    this.#set(proxy, type, held);
    this.#record('ack', proxy, {
      type: shortType(type),
      tookMs: Math.round(tookMs),
      ...(accepted.length === 0 ? {} : { has: versionsText(accepted) }),
      ...(overtaken.length === 0 ? {} : { overtaken: overtaken.join('\n') }),
      ...(removed.length === 0 ? {} : { gone: removed.join('\n') }),
    });
  }

  /** As an `ack` that took nothing, which readers of before understand, too. */
  dropped({ proxy, type, names }: EventOf<'dropped'>): void {
    const held = this.#held(proxy, type);
    for (const name of names) {
      held.delete(name);
      this.#refusals.get(proxy)?.delete(`${type} ${name}`);
    }
    this.#set(proxy, type, held);
    this.#record('ack', proxy, { type: shortType(type), tookMs: 0, gone: names.join('\n') });
  }

  refused({ proxy, type, rejected, message }: EventOf<'nacked'>): void {
    this.#record('nack', proxy, { type: shortType(type), message, has: versionsText(rejected) });
    const sinceMs = this.#options.clock.nowMs();
    const refusals = this.#refusals.get(proxy) ?? new Map<string, Facts>();
    this.#refusals.set(proxy, refusals);
    for (const one of rejected) {
      const facts = { type: shortType(type), message, has: versionsText([one]), sinceMs };
      refusals.set(`${type} ${one.name}`, facts);
    }
  }

  #retired(proxy: WorkloadId): void {
    this.#proxies.delete(proxy);
    this.#commits.delete(proxy);
    this.#refusals.delete(proxy);
    this.#record('proxy-retired', proxy, {});
  }

  start(): void {
    this.#cancel = this.#options.clock.after(checkpointEveryMs, () => {
      void this.checkpoint().catch(() => {});
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Writes down the whole of what every proxy has that has said so here. */
  async checkpoint(): Promise<void> {
    const { store, clock } = this.#options;
    const ids = new Set<string>();
    for (const [proxy, types] of this.#proxies) {
      const whole = [...types].map(([type, held]) => [shortType(type), heldText(held)]);
      const link = this.#links.get(proxy) ?? { streams: 0, linkMs: clock.nowMs() };
      this.#record('proxy-checkpoint', proxy, { ...link, ...Object.fromEntries(whole) });
      for (const facts of this.#refusals.get(proxy)?.values() ?? []) {
        this.#record('nack', proxy, facts);
      }
      for (const [type, held] of types) {
        for (const id of idsOf(type, held)) ids.add(id);
      }
    }
    await store.touchResources([...ids], clock.nowMs());
  }

  #held(proxy: string, type: TypeUrl): Map<string, Held> {
    return this.#proxies.get(proxy)?.get(type) ?? new Map();
  }

  #set(proxy: string, type: TypeUrl, held: Map<string, Held>): void {
    const types = this.#proxies.get(proxy);
    if (types === undefined) this.#proxies.set(proxy, new Map([[type, held]]));
    else types.set(type, held);
  }

  #record(kind: LedgerKind, subject: string, facts: Facts): void {
    const { store, clock } = this.#options;
    store.record({ atMs: clock.nowMs(), kind, subject, facts });
  }
}

/** What the xDS service does for it. */
interface ProxySink extends Pick<SnapshotSink, 'retire'> {
  publish(proxy: WorkloadId, snapshot: Snapshot, onDemand: Snapshot): void;
}

interface ProxyLedgerOptions {
  readonly store: Pick<Store, 'record' | 'keepResource' | 'touchResources'>;
  readonly clock: Clock;
}

function idsOf(type: TypeUrl, held: HeldByName): string[] {
  return [...held].map(([name, { version }]) =>
    resourceId({ type: shortType(type), name, version }),
  );
}

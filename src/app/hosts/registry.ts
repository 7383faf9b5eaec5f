import type { Clock } from '../../base/clock.ts';
import { type Log, problemFields } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  banned,
  type HostRecord,
  type HostRefusal,
  hostSelectors,
  used,
} from '../../identity/hosts/host-record.ts';
import type { HostName, Selector } from '../../model/types.ts';
import type { Store, StoredDocument } from '../../store/store.ts';

const hostKind = 'host';
/** Counts bans and evictions, so that other control planes of the same store notice them by one small read. */
const cutsKind = 'host-cuts';
const cutsId = 'count';
/** A ban holds on every control plane within this and the time of a read. */
const lookEveryMs = 400;
const writesMax = 4;

interface Known {
  readonly record: HostRecord;
  readonly version: number;
}

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** The hosts of the mesh, in the store and in memory. A record is written over only as it was read. */
export class HostRegistry {
  readonly #options: RegistryOptions;
  readonly #hosts = new Map<HostName, Known>();
  readonly #listeners = new Set<(host: HostName) => void>();
  #cuts = 0;
  #cancel = (): void => {};

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  static async open(options: RegistryOptions): Promise<HostRegistry> {
    const registry = new HostRegistry(options);
    registry.#cuts = await registry.#readCuts();
    await registry.#readAll();
    return registry;
  }

  get all(): readonly HostRecord[] {
    return [...this.#hosts.values()].map(({ record }) => record);
  }

  /** What a host showed when it was admitted; undefined: it never was. */
  shows(host: string): readonly Selector[] | undefined {
    const record = this.#hosts.get(host as HostName)?.record;
    return record && hostSelectors(record);
  }

  /** Hosts that may go on; the CA waits for each of them. */
  get active(): readonly HostRecord[] {
    return this.all.filter(({ standing }) => standing.kind === 'active');
  }

  get(host: HostName): HostRecord | undefined {
    return this.#hosts.get(host)?.record;
  }

  /** Calls back with each host that was banned or evicted, here or by another control plane. */
  onCut(listener: (host: HostName) => void): void {
    this.#listeners.add(listener);
  }

  /** As the store has it: a host may have come by another control plane a moment ago. */
  async find(host: HostName): Promise<HostRecord | undefined> {
    const stored = await this.#options.store.get(hostKind, host);
    if (stored === undefined) this.#hosts.delete(host);
    else this.#take(stored);
    return this.get(host);
  }

  /** A certificate is in use: whether it counts. What memory does not know of is looked up. */
  async use(host: HostName, key: string): Promise<Result<HostRecord, HostRefusal>> {
    const given = { key, nowMs: this.#options.clock.nowMs() };
    const known = this.get(host);
    const quick = used(known, host, given);
    if (quick.ok && quick.value === known) return quick;
    const result = used(await this.find(host), host, given);
    if (!result.ok || result.value === this.get(host)) return result;
    return this.change(host, (record) => used(record, host, given));
  }

  /** Durable when it resolves. `next` may be asked again, when another control plane wrote in between. */
  async change<Refusal>(
    host: HostName,
    next: (record: HostRecord | undefined) => Result<HostRecord, Refusal>,
  ): Promise<Result<HostRecord, Refusal>> {
    for (let attempt = 0; attempt < writesMax; attempt += 1) {
      const known = this.#hosts.get(host);
      const changed = next(known?.record);
      if (!changed.ok) return changed;
      const value = Buffer.from(JSON.stringify(changed.value));
      const version = await this.#options.store.put(hostKind, host, value, known?.version ?? 0);
      if (version !== undefined) {
        this.#hosts.set(host, { record: changed.value, version });
        return changed;
      }
      await this.find(host);
    }
    throw new Error(`the record of the host ${host} changes too fast`);
  }

  /** Ends everything that the host has, and keeps it out until it is evicted. */
  async ban(host: HostName, by: string, reason: string): Promise<Result<HostRecord, string>> {
    const atMs = this.#options.clock.nowMs();
    const result = await this.change(host, (record) =>
      record === undefined ? err(unknown(host)) : ok(banned(record, { atMs, by, reason })),
    );
    if (result.ok) await this.#cut(host, 'host-banned', by, reason);
    return result;
  }

  /** Forgets the host: it has to prove itself anew. This also lifts a ban. */
  async evict(host: HostName, by: string, reason: string): Promise<Result<HostRecord, string>> {
    const record = await this.find(host);
    if (record === undefined) return err(unknown(host));
    await this.#options.store.remove(hostKind, host);
    this.#hosts.delete(host);
    await this.#cut(host, 'host-evicted', by, reason);
    return ok(record);
  }

  start(): void {
    const round = async (): Promise<void> => {
      await this.#look().catch((error: unknown) =>
        this.#options.log.warn('hosts cannot be read from the store; what is known holds', {
          ...problemFields(error),
        }),
      );
      this.#cancel = this.#options.clock.after(lookEveryMs, () => void round());
    };
    this.#cancel = this.#options.clock.after(lookEveryMs, () => void round());
  }

  stop(): void {
    this.#cancel();
  }

  async #cut(host: HostName, kind: string, by: string, reason: string): Promise<void> {
    const { store, clock } = this.#options;
    for (const listener of this.#listeners) listener(host);
    store.record({ atMs: clock.nowMs(), kind, subject: host, facts: { by, reason } });
    await store.put(cutsKind, cutsId, new Uint8Array(), undefined);
    await store.flush();
  }

  /** What other control planes cut off. */
  async #look(): Promise<void> {
    const cuts = await this.#readCuts();
    if (cuts === this.#cuts) return;
    this.#cuts = cuts;
    const before = this.active;
    await this.#readAll();
    for (const { name } of before) {
      if (this.get(name)?.standing.kind === 'active') continue;
      for (const listener of this.#listeners) listener(name);
    }
  }

  async #readCuts(): Promise<number> {
    return (await this.#options.store.get(cutsKind, cutsId))?.version ?? 0;
  }

  async #readAll(): Promise<void> {
    const stored = await this.#options.store.list(hostKind);
    const present = new Set(stored.map(({ id }) => id));
    for (const name of this.#hosts.keys()) if (!present.has(name)) this.#hosts.delete(name);
    for (const one of stored) this.#take(one);
  }

  #take({ id, version, value }: StoredDocument): void {
    const host = id as HostName;
    if ((this.#hosts.get(host)?.version ?? 0) >= version) return;
    const record = JSON.parse(Buffer.from(value).toString('utf8')) as HostRecord;
    this.#hosts.set(host, { record, version });
  }
}

function unknown(host: HostName): string {
  return `there is no host ${host}`;
}

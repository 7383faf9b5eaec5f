import type { Clock } from '../../base/clock.ts';
import type { LedgerKind } from '../../base/ledger.ts';
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
import type { Followed } from '../replicas/feed.ts';

export const hostKind = 'host';
const writesMax = 4;

interface Known {
  readonly record: HostRecord;
  readonly version: number;
}

interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
}

/** The hosts of the mesh, in the store and in memory. A record is written over only as it was read. */
export class HostRegistry {
  readonly #options: RegistryOptions;
  readonly #hosts = new Map<HostName, Known>();
  readonly #listeners = new Set<(host: HostName) => void>();
  readonly #followers = new Set<(host: HostName) => void>();

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  static async open(options: RegistryOptions): Promise<HostRegistry> {
    const registry = new HostRegistry(options);
    for (const one of await options.store.list(hostKind)) registry.#take(one);
    return registry;
  }

  get versions(): readonly { readonly id: string; readonly version: number }[] {
    return [...this.#hosts].map(([id, { version }]) => ({ id, version }));
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

  /** Calls back with each host whose record is another one now, or none, whoever wrote it. */
  onChange(follower: (host: HostName) => void): void {
    this.#followers.add(follower);
  }

  /** As the store has it: a host may have come by another control plane a moment ago. */
  async find(host: HostName): Promise<HostRecord | undefined> {
    const stored = await this.#options.store.get(hostKind, host);
    if (stored === undefined) this.#drop(host);
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
        this.#set(host, { record: changed.value, version });
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
    this.#drop(host);
    await this.#cut(host, 'host-evicted', by, reason);
    return ok(record);
  }

  /** What other control planes wrote: whoever they banned or evicted is cut here as well. */
  take(changes: readonly Followed[]): void {
    const before = new Set(this.active.map(({ name }) => name));
    for (const { id, document } of changes) {
      if (document === undefined) this.#drop(id as HostName);
      else this.#take(document);
      const isCut =
        before.has(id as HostName) && this.get(id as HostName)?.standing.kind !== 'active';
      if (isCut) for (const listener of this.#listeners) listener(id as HostName);
    }
  }

  async #cut(host: HostName, kind: LedgerKind, by: string, reason: string): Promise<void> {
    const { store, clock } = this.#options;
    for (const listener of this.#listeners) listener(host);
    store.record({ atMs: clock.nowMs(), kind, subject: host, facts: { by, reason } });
    await store.flush();
  }

  #take({ id, version, value }: StoredDocument): void {
    const host = id as HostName;
    const record = JSON.parse(Buffer.from(value).toString('utf8')) as HostRecord;
    this.#set(host, { record, version });
  }

  #set(host: HostName, known: Known): void {
    const isOther = this.#hosts.get(host)?.version !== known.version;
    this.#hosts.set(host, known);
    if (isOther) this.#tell(host);
  }

  #drop(host: HostName): void {
    if (this.#hosts.delete(host)) this.#tell(host);
  }

  #tell(host: HostName): void {
    for (const follower of this.#followers) follower(host);
  }
}

function unknown(host: HostName): string {
  return `there is no host ${host}`;
}

import type { Clock } from '../../base/clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { ProxyStatus } from '../../serve/xds/proxy-status.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Followed } from './feed.ts';

export const standingKind = 'standing';

/** What changes within this is one write. */
const writeMinMs = 100;
/** And one more for each so many bytes: a replica of many proxies writes no more than 200 KB in a second. */
const bytesPerMs = 200;
/** One refusal takes a commit back; a person reads no more than this of each replica. */
const refusingMax = 50;
const refusedMax = 3;
const messageCharactersMax = 500;

/** A proxy as it stands to what it is to have, at whichever replica it is. */
interface FleetStatus extends Pick<ProxyStatus, 'state' | 'sinceMs' | 'rejected'> {
  readonly connected: boolean;
  /** All of the present snapshot is taken or refused, of the revision that is in effect here. */
  readonly converged: boolean;
  /** The name of the replica that serves it; undefined: this one, or none. */
  readonly replica: string | undefined;
}

/** What one replica knows of those that are connected to it. */
interface Standing {
  /** The version of the revision that was in effect when it was written. */
  readonly revision: number;
  /** What was granted beside it then; left out by a replica of before. */
  readonly grants?: string;
  readonly proxies: readonly (readonly [proxy: string, state: State, sinceMs: number])[];
  readonly rejected: readonly (readonly [proxy: string, ProxyStatus['rejected']])[];
  readonly hosts: readonly string[];
}

const nobody: ReadonlySet<string> = new Set();

type State = ProxyStatus['state'];

interface Remote {
  readonly revision: number;
  readonly grants: string;
  readonly proxies: ReadonlyMap<string, Pick<ProxyStatus, 'state' | 'sinceMs'>>;
  readonly hosts: ReadonlySet<string>;
  readonly rejected: ReadonlyMap<string, ProxyStatus['rejected']>;
}

interface FleetOptions {
  readonly store: Pick<Store, 'isShared' | 'put'>;
  readonly clock: Clock;
  readonly xds: Pick<XdsService, 'status'>;
  readonly plane: ControlPlane;
  readonly replica: string;
  /** The version of the revision that is in effect here. */
  readonly revision: () => number;
  /** Undefined where a replica is not heard of: who was connected to it is not any more. */
  readonly nameOf: (replica: string) => string | undefined;
}

/** All proxies and hosts of the mesh, whichever replica serves them: what is connected here, and what the others tell. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #remotes = new Map<string, Remote>();
  /** Hosts of each replica that is heard of, as the watchers were told. */
  #told: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  readonly #watchers = new Set<(host: string) => void>();
  #cancel: (() => void) | undefined;
  #written = '';
  #stopped = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  status(proxy: string): FleetStatus {
    const { streams, converged, ...local } = this.#options.xds.status(proxy);
    const others = this.#present().filter(([, { proxies }]) => proxies.has(proxy));
    const [first] = others;
    if (first === undefined || streams > 0) {
      return { ...local, connected: streams > 0, converged, replica: undefined };
    }
    const [replica, { proxies }] = first;
    return {
      ...(proxies.get(proxy) ?? local),
      connected: true,
      converged: others.every(([, remote]) => this.#hasConverged(remote, proxy)),
      rejected: others.flatMap(([, { rejected }]) => rejected.get(proxy) ?? []),
      replica,
    };
  }

  /** Open watches of a host, here and elsewhere. */
  watchers(host: string): number {
    const elsewhere = this.#present().filter(([, { hosts }]) => hosts.has(host)).length;
    return this.#options.plane.watchers(host) + elsewhere;
  }

  /** Calls back with each host that may be watched otherwise than before, here or elsewhere. */
  onWatch(watcher: (host: string) => void): void {
    this.#watchers.add(watcher);
    this.#options.plane.onWatch(watcher);
  }

  take(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      if (id === this.#options.replica) continue;
      if (document === undefined) {
        this.#remotes.delete(id);
        continue;
      }
      const standing = JSON.parse(Buffer.from(document.value).toString('utf8')) as Standing;
      const { revision, grants = '', proxies, hosts, rejected } = standing;
      this.#remotes.set(id, {
        ...{ revision, grants },
        proxies: new Map(proxies.map(([proxy, state, sinceMs]) => [proxy, { state, sinceMs }])),
        hosts: new Set(hosts),
        rejected: new Map(rejected),
      });
    }
    this.#tellWatchers();
    this.#tellPublisher();
  }

  /** Another replica may have fallen silent, or be heard of again. */
  heard(): void {
    this.#tellWatchers();
    this.moved();
  }

  /** Another revision is in effect here. */
  revised(): void {
    this.#tellPublisher();
    this.moved();
  }

  /** Something of what is connected here is otherwise than it was; the others hear of it soon. */
  moved(): void {
    const { store, clock } = this.#options;
    if (!store.isShared || this.#stopped) return;
    const delayMs = writeMinMs + this.#written.length / bytesPerMs;
    this.#cancel ??= clock.after(delayMs, () => {
      this.#cancel = undefined;
      void this.#write();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #present(): readonly (readonly [name: string, remote: Remote])[] {
    const present: (readonly [string, Remote])[] = [];
    for (const [replica, remote] of this.#remotes) {
      const name = this.#options.nameOf(replica);
      if (name !== undefined) present.push([name, remote]);
    }
    return present;
  }

  #tellWatchers(): void {
    const before = this.#told;
    const now = new Map<string, ReadonlySet<string>>();
    for (const [replica, { hosts }] of this.#remotes) {
      if (this.#options.nameOf(replica) !== undefined) now.set(replica, hosts);
    }
    this.#told = now;
    for (const replica of new Set([...before.keys(), ...now.keys()])) {
      const [was, is] = [before.get(replica) ?? nobody, now.get(replica) ?? nobody];
      if (was === is) continue;
      for (const host of new Set([...was, ...is])) {
        if (was.has(host) === is.has(host)) continue;
        for (const watcher of this.#watchers) watcher(host);
      }
    }
  }

  #hasConverged({ revision, grants, proxies }: Remote, proxy: string): boolean {
    const state = proxies.get(proxy)?.state;
    const isSettled = state === 'converged' || state === 'refusing';
    return isSettled && revision >= this.#options.revision() && grants === this.#grants;
  }

  /** One word for what is granted now. */
  get #grants(): string {
    return this.#options.plane.grants.map(({ id }) => id).join(' ');
  }

  /** A commit is live when every proxy has it, also those of other replicas. */
  #tellPublisher(): void {
    const { publisher } = this.#options.plane;
    if (publisher.pending === undefined) return;
    for (const [, remote] of this.#present()) {
      for (const proxy of remote.proxies.keys()) {
        if (this.#hasConverged(remote, proxy)) publisher.converged(proxy as WorkloadId);
      }
    }
  }

  /** What is not taken now is written with the next change, or when the store is there again. */
  async #write(): Promise<void> {
    const { store, replica } = this.#options;
    const text = JSON.stringify(this.#standing());
    if (text === this.#written) return;
    try {
      await store.put(standingKind, replica, Buffer.from(text), undefined);
      this.#written = text;
    } catch {
      this.moved();
    }
  }

  #standing(): Standing {
    const { plane, xds, revision } = this.#options;
    const proxies: (readonly [string, State, number])[] = [];
    const rejected: (readonly [string, ProxyStatus['rejected']])[] = [];
    for (const { id } of plane.inventory) {
      const { streams, state, sinceMs, rejected: refused } = xds.status(id);
      if (streams === 0) continue;
      proxies.push([id, state, sinceMs]);
      if (refused.length === 0 || rejected.length >= refusingMax) continue;
      const parts = refused.slice(0, refusedMax).map((one) => ({
        ...one,
        message: one.message.slice(0, messageCharactersMax),
        from: one.from.slice(0, refusedMax),
      }));
      rejected.push([id, parts]);
    }
    const now = { revision: revision(), grants: this.#grants };
    return { ...now, proxies, rejected, hosts: plane.watchingHosts };
  }
}

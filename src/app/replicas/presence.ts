import type { Clock } from '../../base/clock.ts';

import type { Finding } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { RemoteAddress } from '../../git/remote-address.ts';
import { sameRepository } from '../../git/same-repository.ts';
import type { Store, StoredDocument } from '../../store/store.ts';
import type { Followed } from './feed.ts';

export const replicaKind = 'replica';

const beatEveryMs = 2_000;
/** Three beats that did not come. */
const silentMs = 7_000;
/** Long enough for a person to read in `status` who is gone; then the leader forgets it. */
const forgetMs = 600_000;

/** A replica as it tells of itself. */
export interface ReplicaAbout {
  /** Of one process. */
  readonly replica: string;
  /** Where it runs: what comes after it in the same place has the same name. */
  readonly name: string;
  readonly startedMs: number;
  readonly state: 'serving' | 'draining';
  /** Where it would take the intent from if it led; left out by a version of before. */
  readonly intent?: string;
  /** The same in its parts, where that is a repository elsewhere; left out by a version of before. */
  readonly remote?: FollowedRemote;
  /** The commit of the mesh that its version cannot read; left out: it can, or is of a version of before. */
  readonly unread?: string;
}

/** What of a repository elsewhere a replica follows. */
export interface FollowedRemote {
  readonly address: RemoteAddress;
  readonly branch: string | undefined;
  readonly prefix: string;
}

interface SeenReplica {
  readonly about: ReplicaAbout;
  /** It has not been heard of for three beats: it is dead, or cut off from the store. */
  readonly isSilent: boolean;
  /** How long ago it was heard of last. */
  readonly heardMs: number;
}

interface Seen {
  readonly about: ReplicaAbout;
  /** By the own monotonic clock. */
  atMs: number;
  isSilent: boolean;
}

interface PresenceOptions {
  readonly store: Pick<Store, 'isShared' | 'put' | 'remove' | 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly name: string;
  readonly intent: string;
  readonly remote?: FollowedRemote | undefined;
  /** After each beat, and when another one is heard of or left. */
  readonly onChange: () => void;
}

/** Which control planes share the store. Each writes that it lives; the others see the write, by their own clock. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #seen = new Map<string, Seen>();
  #about: ReplicaAbout;
  /** Since when the store has taken every beat; undefined: it did not take the last one. */
  #reachedSinceMs: number | undefined;
  #awaySinceMs: number | undefined;
  #cancel = (): void => {};

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { replica, name, intent, remote, clock } = options;
    const about = { replica, name, startedMs: clock.nowMs(), state: 'serving', intent } as const;
    this.#about = remote === undefined ? about : { ...about, remote };
  }

  /** Itself first, the others by name. */
  get replicas(): readonly SeenReplica[] {
    const nowMs = this.#options.clock.monotonicMs();
    const others = [...this.#seen.values()].map(({ about, isSilent, atMs }) => ({
      ...{ about, isSilent, heardMs: nowMs - atMs },
    }));
    others.sort((a, b) => (a.about.name < b.about.name ? -1 : 1));
    return [{ about: this.#about, isSilent: false, heardMs: 0 }, ...others];
  }

  /** Whether there is anybody who could serve in its place. */
  get hasOthers(): boolean {
    return this.replicas
      .slice(1)
      .some(({ about, isSilent }) => !isSilent && about.state === 'serving');
  }

  /** Whether one is there that could lead what the mesh runs. */
  get hasReaders(): boolean {
    return this.replicas.slice(1).some(({ about, isSilent }) => {
      return !isSilent && about.state === 'serving' && about.unread === undefined;
    });
  }

  /** It cannot read this commit of the mesh; undefined: it can read what there is. The others hear of it at once. */
  async unread(commit: string | undefined): Promise<void> {
    const { unread: before, ...rest } = this.#about;
    if (before === commit) return;
    this.#about = commit === undefined ? rest : { ...rest, unread: commit };
    if (this.#options.store.isShared) await this.#beat();
  }

  /** Its name where it is there, and undefined where it is not heard of. */
  nameOf(replica: string): string | undefined {
    const seen = this.#seen.get(replica);
    return seen === undefined || seen.isSilent ? undefined : seen.about.name;
  }

  /** Since when the store is away, in milliseconds since the epoch; undefined: it is there. */
  get awaySinceMs(): number | undefined {
    return this.#awaySinceMs;
  }

  get findings(): readonly Finding[] {
    const silent = this.replicas.filter(({ isSilent }) => isSilent);
    return [
      ...(this.#awaySinceMs === undefined ? [] : [storeAway(this.#awaySinceMs)]),
      ...silent.map(({ about }) => replicaSilent(about.name)),
      ...this.#strangers.map((one) => otherIntent(this.#about, one)),
    ];
  }

  /** Those that would lead the mesh by another intent. */
  get #strangers(): readonly ReplicaAbout[] {
    return this.replicas.flatMap(({ about, isSilent }) => {
      const isOther = about.intent !== undefined && !sameIntent(about, this.#about);
      return isOther && !isSilent && about.state === 'serving' ? [about] : [];
    });
  }

  /** Resolves after the first beat, with what it knows the others by. What ran in the same place before is gone. */
  async start(): Promise<readonly StoredDocument[]> {
    const { store, replica, name } = this.#options;
    if (!store.isShared) return [];
    const before = await store.list(replicaKind);
    this.take(before.map((document) => ({ id: document.id, document })));
    for (const { about } of this.replicas) {
      if (about.name === name && about.replica !== replica) await this.forget(about.replica);
    }
    await this.#beat();
    this.#plan();
    return before;
  }

  /** Tells the others that it is about to leave. */
  async drain(): Promise<void> {
    this.#about = { ...this.#about, state: 'draining' };
    if (this.#options.store.isShared) await this.#beat();
  }

  async stop(): Promise<void> {
    this.#cancel();
    if (this.#options.store.isShared) await this.forget(this.#about.replica).catch(() => {});
  }

  take(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      if (id === this.#about.replica) continue;
      if (document === undefined) this.#seen.delete(id);
      else this.#heard(document);
    }
    this.#options.onChange();
  }

  /** Those that have been silent for long; only for the leader. */
  get forgettable(): readonly string[] {
    return this.replicas.flatMap(({ about, isSilent, heardMs }) =>
      isSilent && heardMs > forgetMs ? [about.replica] : [],
    );
  }

  async forget(replica: string): Promise<void> {
    this.#seen.delete(replica);
    for (const kind of [replicaKind, ...replicaKinds])
      await this.#options.store.remove(kind, replica);
  }

  #heard({ id, value }: StoredDocument): void {
    const about = JSON.parse(Buffer.from(value).toString('utf8')) as ReplicaAbout;
    this.#seen.set(id, { about, atMs: this.#options.clock.monotonicMs(), isSilent: false });
  }

  #plan(): void {
    this.#cancel = this.#options.clock.after(beatEveryMs, () => {
      void this.#beat();
      this.#plan();
    });
  }

  async #beat(): Promise<void> {
    const { store, clock, log } = this.#options;
    const value = Buffer.from(JSON.stringify(this.#about));
    try {
      await store.put(replicaKind, this.#about.replica, value, undefined);
      this.#reachedSinceMs ??= clock.monotonicMs();
      this.#awaySinceMs = undefined;
      this.#listen(this.#reachedSinceMs);
      this.#options.onChange();
    } catch (error) {
      this.#reachedSinceMs = undefined;
      this.#awaySinceMs ??= clock.nowMs();
      log.warn('the store did not take that this replica lives', problemFields(error));
    }
  }

  /** While the store was away nobody could be heard of, and nobody is silent for that. */
  #listen(reachedSinceMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const seen of this.#seen.values()) {
      if (seen.isSilent || nowMs - Math.max(seen.atMs, reachedSinceMs) <= silentMs) continue;
      seen.isSilent = true;
      this.#options.log.warn('a replica is not heard of any more', { replica: seen.about.name });
    }
  }
}

/** What else a replica writes under its own id. */
const replicaKinds = ['standing', 'signals'] as const;

/** By https from one place and by ssh from another, it is one repository. */
function sameIntent(a: ReplicaAbout, b: ReplicaAbout): boolean {
  if (a.intent === b.intent) return true;
  if (a.remote === undefined || b.remote === undefined) return false;
  const isSame = a.remote.branch === b.remote.branch && a.remote.prefix === b.remote.prefix;
  return isSame && sameRepository(a.remote.address, b.remote.address);
}

function storeAway(sinceMs: number): Finding {
  return {
    code: 'CH5453',
    severity: 'error',
    message: `the store does not answer since ${new Date(sinceMs).toISOString()}; what is known goes on, and nothing new is taken`,
    help: 'look at the database; each control plane comes back by itself when it is there',
  };
}

function otherIntent(own: ReplicaAbout, other: ReplicaAbout): Finding {
  return {
    code: 'CH5457',
    severity: 'error',
    message: `the control planes ${own.name} and ${other.name} share a store and follow different intents: whichever leads next brings in its own`,
    found: `${own.name}: ${own.intent}; ${other.name}: ${other.intent}`,
    help: 'start all of them with the same --repo, --branch and --path',
  };
}

function replicaSilent(name: string): Finding {
  return {
    code: 'CH5454',
    severity: 'warning',
    message: `the control plane ${name} is not heard of any more; its proxies and hosts move to the others`,
    help: 'start it again; what does not come back is forgotten after 10 minutes',
  };
}

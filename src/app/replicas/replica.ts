import { hostname } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { Log } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Random } from '../../base/random.ts';
import type { ReplicaStatus } from '../../serve/api/wire-replicas.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import { OpenWatches } from '../hosts/open-watches.ts';
import type { RemoteOptions } from '../open-remote.ts';
import type { MetricName } from '../operators/metric-table.ts';
import { Feed } from './feed.ts';
import { type FencedStore, fencedStore } from './fenced-store.ts';
import { Leadership } from './leadership.ts';
import { type FollowedRemote, Presence, replicaKind } from './presence.ts';
import { Role } from './role.ts';

interface ReplicaOptions {
  readonly store: Store;
  /** Its port for proxies: two on one machine have two. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics<MetricName>;
  /** The repository that it follows; undefined: the folder that it was started with. */
  readonly remote: Pick<RemoteOptions, 'address' | 'branch' | 'prefix'> | undefined;
}

const idBytes = 8;
/** So long proxies and hosts take to move from a replica that goes down; no longer, whatever they do. */
const drainMs = 3_000;
const sweepEveryMs = 60_000;

/** This control plane among those that share its store. */
export class Replica {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly leadership: Leadership;
  readonly feed: Feed;
  readonly presence: Presence;
  /** For what only the leader writes. */
  readonly fenced: FencedStore;
  readonly watches: OpenWatches;
  /** Called every few seconds, and when another replica comes or goes. */
  onBeat = (): void => {};

  constructor({ store, port, clock, random, log, metrics, remote }: ReplicaOptions) {
    this.id = Buffer.from(random.bytes(idBytes)).toString('hex');
    this.name = `${hostname()}:${port}`;
    const who = { replica: this.id, name: this.name };
    this.watches = new OpenWatches({ clock, random });
    this.role = new Role({ clock, log });
    this.leadership = new Leadership({
      ...{ store, clock, log, ...who },
      onChange: (epoch) => void this.role.became(epoch),
    });
    this.fenced = fencedStore(store, () => this.epoch);
    const intent = intentText(remote, this.name);
    const onChange = (): void => this.onBeat();
    const followed = followedOf(remote);
    this.presence = new Presence({ store, clock, log, ...who, intent, remote: followed, onChange });
    this.feed = new Feed({
      ...{ store, clock, log },
      onLag: (lagMs) => metrics.observe('chancery_replica_feed_seconds', lagMs / 1_000),
      onLease: () => this.leadership.heard(),
    });
    const sweep = sweeper(clock, sweepEveryMs, async () => {
      for (const one of this.presence.forgettable) await this.presence.forget(one);
    });
    void this.role.add({ lead: sweep.start, follow: sweep.stop });
  }

  /** Resolves after the first look at the lease: with a store of its own it leads from then on. */
  async start(): Promise<void> {
    await this.leadership.start();
    await this.role.became(this.leadership.epoch);
    const seen = await this.presence.start();
    // Who goes before the feed hears anything is missed by what was seen.
    this.feed.follow(replicaKind, seen, (changes) => this.presence.take(changes));
  }

  /** Ceases to lead, so that another one begins at once, and tells the others that it goes. */
  async leave(): Promise<void> {
    await this.role.became(undefined);
    await this.leadership.stop();
    await this.presence.drain();
  }

  /** Has proxies and hosts move to the others, not all at once; where there are none, they wait for this one. */
  async drain(xds: Pick<XdsService, 'drain'>): Promise<void> {
    if (!this.presence.hasOthers) return;
    await Promise.all([xds.drain(drainMs), this.watches.drain(drainMs)]);
  }

  async stop(): Promise<void> {
    this.feed.stop();
    await this.presence.stop();
  }

  /** The epoch for which it leads; undefined: it follows, or is not ready to lead yet. */
  get epoch(): number | undefined {
    const { epoch } = this.leadership;
    return epoch === this.role.epoch ? epoch : undefined;
  }

  get isLeading(): boolean {
    return this.epoch !== undefined;
  }

  /** The epoch of whoever leads, as far as it is known here. */
  get leaderEpoch(): number | undefined {
    return this.leadership.leads ? this.leadership.seenEpoch : undefined;
  }

  get statuses(): readonly ReplicaStatus[] {
    const { holder } = this.leadership;
    return this.presence.replicas.map(({ about, isSilent, heardMs }, index) => ({
      name: about.name,
      state: isSilent ? ('silent' as const) : about.state,
      startedMs: about.startedMs,
      heardMs: Math.round(heardMs),
      leadsSinceMs:
        holder?.replica === about.replica && !isSilent && this.leadership.leads
          ? holder.sinceMs
          : undefined,
      isThis: index === 0,
    }));
  }

  get findings(): readonly Finding[] {
    const isAway = this.presence.awaySinceMs !== undefined;
    const noLeader = isAway || this.leadership.leads ? [] : [nobodyLeads()];
    return [...this.presence.findings, ...noLeader];
  }
}

/** A folder is another one on each machine, whatever it is called. */
function intentText(remote: ReplicaOptions['remote'], name: string): string {
  if (remote === undefined) return `a folder of ${name}`;
  const { address, branch, prefix } = remote;
  const folder = prefix === '' ? '' : `, folder ${prefix}`;
  return `${address.url}, ${branch === undefined ? 'its default branch' : `branch ${branch}`}${folder}`;
}

/** And nothing else of what it was started with: it is written where the others read it. */
function followedOf(remote: ReplicaOptions['remote']): FollowedRemote | undefined {
  if (remote === undefined) return undefined;
  const { address, branch, prefix } = remote;
  return { address, branch, prefix };
}

function nobodyLeads(): Finding {
  return {
    code: 'CH5455',
    severity: 'warning',
    message: 'no control plane leads now: commits, rollouts and steps of the CA wait',
    help: 'one takes over within 10 seconds; if it lasts, look at the logs of each',
  };
}

function sweeper(clock: Clock, everyMs: number, sweep: () => Promise<void>) {
  let cancel = (): void => {};
  const plan = (): void => {
    cancel = clock.after(everyMs, () => {
      void sweep().catch(() => {});
      plan();
    });
  };
  return { start: plan, stop: () => cancel() };
}

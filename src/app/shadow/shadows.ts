import type { Clock } from '../../base/clock.ts';
import type { Finding, Refusal } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { timeText } from '../../base/time-text.ts';
import type { Intent } from '../../model/types.ts';
import type { AgentUpdate, ShadowReport } from '../../serve/api/wire.ts';
import type { ShadowInfo } from '../../serve/api/wire-shadow.ts';
import type { Store } from '../../store/store.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';
import type { Replica } from '../replicas/replica.ts';
import { ShadowCountsLog, shadowCountKind } from './shadow-counts.ts';
import { infoOf } from './shadow-info.ts';
import {
  type HeldShadow,
  heldShadow,
  readShadow,
  type ShadowRecord,
  shadowKind,
  writeShadow,
} from './shadow-record.ts';
import { readCounts } from './shadow-report.ts';

interface ShadowsParts {
  readonly store: Store;
  readonly fenced: FencedStore;
  readonly replica: Pick<Replica, 'name' | 'isLeading' | 'role' | 'feed'>;
  /** What decides; undefined before there is anything. */
  readonly running: () => Intent | undefined;
  /** In the mesh. */
  readonly hosts: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type NewShadow = Pick<ShadowRecord, 'branch' | 'commit' | 'subject' | 'by'> & {
  readonly forMs: number;
  readonly files: ReadonlyMap<string, string>;
  readonly intent: Intent;
};

type Update = AgentUpdate & { readonly kind: 'shadow' };

const idBytes = 6;
/** Each is a second decision of everything; of two, nobody could say which one a difference is of. */
const ridingMax = 1;

/**
 * The policy that rides along with the one that decides: ordered at the leader, told to every host, gone by itself at its end.
 * It has no way into a decision; see `ShadowDesk`.
 */
export class Shadows {
  readonly #parts: ShadowsParts;
  readonly #counts: ShadowCountsLog;
  readonly #listeners = new Set<(update: Update) => void>();
  #held: HeldShadow | undefined;
  #cancelEnd = (): void => {};

  private constructor(parts: ShadowsParts) {
    this.#parts = parts;
    const { store, clock, log, replica } = parts;
    this.#counts = new ShadowCountsLog({ store, clock, log, replica: replica.name });
  }

  static async open(parts: ShadowsParts): Promise<Shadows> {
    const shadows = new Shadows(parts);
    const { feed, role } = parts.replica;
    await shadows.#catchUp();
    feed.follow(shadowKind, [], () => shadows.#catchUp());
    feed.follow(shadowCountKind, [], (changes) => shadows.#counts.hear(changes));
    // It may have come to its end while nobody led.
    void role.add({ lead: () => shadows.#endDue(), follow: () => {} });
    return shadows;
  }

  /** For the agent of a host: what rides now, and each change. */
  follow(listener: (update: Update) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#update);
    return () => this.#listeners.delete(listener);
  }

  get info(): ShadowInfo | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    const { running, hosts } = this.#parts;
    return infoOf(held, this.#isRiding, {
      ...this.#counts.together,
      ...{ running: running(), hostsInMesh: hosts() },
    });
  }

  get findings(): readonly Finding[] {
    if (!this.#isRiding || this.#held === undefined) return [];
    const { branch, commit, by, endsMs } = this.#held.record;
    return [
      {
        code: 'CH4245',
        severity: 'warning',
        message: `${by} lets ${branch} (${commit.slice(0, 12)}) ride along until ${timeText(endsMs)}; it decides nothing`,
        help: 'chancery shadow show tells what it would do otherwise; chancery shadow stop ends it',
      },
    ];
  }

  /** At the leader. Errors: CH4243, CH4244. */
  async start(given: NewShadow): Promise<Result<undefined, Refusal>> {
    const { branch, commit, subject, by, forMs, files, intent } = given;
    const { fenced, running, clock, random } = this.#parts;
    if (this.#isRiding) return err(ridesAlready(this.#held?.record));
    const domain = running()?.mesh.trustDomain;
    if (domain !== intent.mesh.trustDomain) {
      return err(otherMesh(branch, intent.mesh.trustDomain, domain));
    }
    const startedMs = clock.nowMs();
    const id = Buffer.from(random.bytes(idBytes)).toString('hex');
    const times = { startedMs, endsMs: startedMs + forMs, endedMs: undefined, endedBy: undefined };
    const held = heldShadow({ id, branch, commit, subject, by, ...times }, files, intent);
    await writeShadow(fenced, held);
    const facts = { by, branch, commit, until: timeText(times.endsMs) };
    fenced.record({ atMs: startedMs, kind: 'shadow-started', subject: commit, facts });
    await this.#take(held);
    await this.#counts.forgetOthers();
    return ok(undefined);
  }

  /** At the leader. Errors: CH4244, none rides. */
  async stop(by: string): Promise<Result<undefined, Refusal>> {
    if (!this.#isRiding) return err(noneRides());
    await this.#end(by, this.#parts.clock.nowMs());
    return ok(undefined);
  }

  /** What a host compared that runs these services. */
  take(host: string, services: ReadonlySet<string>, report: ShadowReport | undefined): void {
    const held = this.#held;
    if (held === undefined || report?.id !== held.record.id) return;
    const counts = readCounts(report, services, held.intent.mesh.trustDomain);
    if (counts !== undefined) this.#counts.take(host, counts);
  }

  async flushed(): Promise<void> {
    this.#cancelEnd();
    await this.#counts.flushed();
  }

  get #isRiding(): boolean {
    const { endedMs, endsMs } = this.#held?.record ?? { endedMs: 0, endsMs: 0 };
    return endedMs === undefined && endsMs > this.#parts.clock.nowMs();
  }

  get #update(): Update {
    const order = this.#isRiding ? this.#held?.order : undefined;
    return order === undefined ? { kind: 'shadow' } : { kind: 'shadow', shadow: order };
  }

  async #catchUp(): Promise<void> {
    const { store, clock } = this.#parts;
    const held = await readShadow(store, clock.nowMs());
    const [now, before] = [held?.record, this.#held?.record];
    if (now?.id === before?.id && now?.endedMs === before?.endedMs) return;
    await this.#take(held);
  }

  async #take(held: HeldShadow | undefined): Promise<void> {
    this.#held = held;
    this.#cancelEnd();
    if (held === undefined) return;
    await this.#counts.begin(held.record.id);
    if (this.#held !== held) return;
    this.#tell();
    if (!this.#isRiding) return;
    const { clock } = this.#parts;
    const delayMs = held.record.endsMs - clock.nowMs();
    this.#cancelEnd = clock.after(delayMs, () => void this.#endDue());
  }

  #tell(): void {
    const update = this.#update;
    for (const listener of this.#listeners) listener(update);
  }

  /** Everybody sees for himself that it has ended; who leads writes it down. */
  async #endDue(): Promise<void> {
    const { record } = this.#held ?? {};
    if (record === undefined || record.endedMs !== undefined || this.#isRiding) return;
    this.#tell();
    if (!this.#parts.replica.isLeading) return;
    try {
      await this.#end('its end', record.endsMs);
    } catch (error) {
      this.#parts.log.error('that a shadow has ended is not noted', problemFields(error));
    }
  }

  async #end(by: string, endedMs: number): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    const { fenced } = this.#parts;
    const ended = { ...held, record: { ...held.record, endedMs, endedBy: by } };
    await writeShadow(fenced, ended);
    const { commit, branch } = held.record;
    const facts = { by, branch, commit };
    fenced.record({ atMs: endedMs, kind: 'shadow-ended', subject: commit, facts });
    await this.#take(ended);
  }
}

function ridesAlready(record: ShadowRecord | undefined): Refusal {
  return {
    code: 'CH4244',
    message: `at most ${ridingMax} rides along at a time`,
    ...(record && { found: `${record.branch}, by ${record.by}, until ${timeText(record.endsMs)}` }),
    help: 'chancery shadow stop ends it',
  };
}

function noneRides(): Refusal {
  return {
    code: 'CH4244',
    message: 'no shadow rides along now',
    help: 'chancery shadow BRANCH has one ride; chancery shadow show tells of the last one',
  };
}

function otherMesh(branch: string, found: string, expected: string | undefined): Refusal {
  return {
    code: 'CH4243',
    message: `${branch} is of another trust domain: nobody who calls is known to it`,
    ...(expected === undefined ? {} : { expected }),
    found,
  };
}

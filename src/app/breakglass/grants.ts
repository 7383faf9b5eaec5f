import type { Clock } from '../../base/clock.ts';
import type { Refusal } from '../../base/finding.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { changesMs, type Grant, type GrantStep, grantAfter } from '../../breakglass/grant.ts';
import type { Store, StoredDocument } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { MetricName } from '../operators/metric-table.ts';
import type { Followed } from '../replicas/feed.ts';
import type { Replica } from '../replicas/replica.ts';
import { readGrant } from './read-grant.ts';
import { tellStep } from './tell-step.ts';

export const grantKind = 'breakglass';

/** That wait or are in effect at one time: each is a rule, and more than these is no exception any more. */
const openMax = 50;
/** Of those that are over; the ledger has all. */
const overMax = 100;
const retryMs = 1_000;

interface End {
  readonly endMs: number;
  readonly monotonicMs: number;
}

export interface GrantsParts {
  readonly store: Pick<Store, 'list' | 'record' | 'flush'>;
  readonly plane: Pick<ControlPlane, 'grant' | 'grants'>;
  readonly replica: Pick<Replica, 'fenced' | 'isLeading' | 'feed' | 'role'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics<MetricName>;
  /** Something else is in effect here than before. */
  readonly onChange: () => void;
}

/**
 * Access that was granted beside Git. Durable before it is in effect; whoever leads writes it, the others follow. What is in
 * effect follows the clock of each replica, so that a grant ends also where nobody can write that it did.
 */
export class Grants {
  readonly #parts: GrantsParts;
  #grants: ReadonlyMap<string, Grant> = new Map();
  /** When each is over by the time that goes by, whatever becomes of the wall clock. */
  #ends: ReadonlyMap<string, End> = new Map();
  #writing: Promise<unknown> = Promise.resolve();
  #cancel = (): void => {};

  private constructor(parts: GrantsParts) {
    this.#parts = parts;
  }

  /** As they lie in the store: what was in effect is so from the first snapshot on. */
  static async open(parts: GrantsParts): Promise<Grants> {
    const grants = new Grants(parts);
    const { feed, role } = parts.replica;
    feed.follow(grantKind, await grants.#load(), (changes) => grants.#take(changes));
    const lead = async (): Promise<void> => {
      await grants.#load();
      grants.#timePassed();
    };
    void role.add({ lead, follow: () => {} });
    return grants;
  }

  /** Newest first. */
  get all(): readonly Grant[] {
    return [...this.#grants.values()].sort((a, b) => b.askedMs - a.askedMs);
  }

  get(id: string): Grant | undefined {
    return this.#grants.get(id);
  }

  /** Waiting or in effect. */
  get open(): readonly Grant[] {
    return this.all.filter((grant) => changesMs(this.#now(grant)) !== undefined);
  }

  stop(): void {
    this.#cancel();
  }

  /** Errors: CH4232, there are too many; thrown CH5450: this replica does not lead any more. */
  add(grant: Grant): Promise<Result<Grant, Refusal>> {
    return this.#inTurn(async () => {
      if (this.open.length >= openMax) {
        const message = `there are ${openMax} break-glass grants that wait or are in effect`;
        const help = 'revoke what is not needed: chancery breakglass list';
        return err({ code: 'CH4232', message, help });
      }
      await this.#write(grant);
      await this.#prune();
      return ok(grant);
    });
  }

  /** Errors: what keeps the step from being taken. */
  step(id: string, step: GrantStep): Promise<Result<Grant, Refusal>> {
    return this.#inTurn(async () => {
      const grant = this.#grants.get(id);
      if (grant === undefined) return err(noGrant(id));
      const after = grantAfter(this.#now(grant), step);
      if (after.ok && after.value !== grant) await this.#write(after.value);
      return after;
    });
  }

  #inTurn<Value>(run: () => Promise<Value>): Promise<Value> {
    const done = this.#writing.then(run);
    this.#writing = done.catch(() => {});
    return done;
  }

  async #load(): Promise<readonly StoredDocument[]> {
    const stored = await this.#parts.store.list(grantKind);
    this.#grants = new Map(
      stored.flatMap((one) => {
        const grant = readGrant(one.value);
        return grant === undefined ? [] : [[one.id, grant]];
      }),
    );
    this.#apply();
    return stored;
  }

  #take(changes: readonly Followed[]): void {
    // Who leads is where it has written: what is read late must not bring back what was revoked a moment ago.
    if (this.#parts.replica.isLeading) return;
    const grants = new Map(this.#grants);
    for (const { id, document } of changes) {
      const grant = document && readGrant(document.value);
      if (grant === undefined) grants.delete(id);
      else if (!isSame(grants.get(id), grant)) grants.set(id, grant);
    }
    this.#grants = grants;
    this.#apply();
  }

  async #write(grant: Grant): Promise<void> {
    const { replica, store, clock, log } = this.#parts;
    const bytes = Buffer.from(JSON.stringify(grant));
    await replica.fenced.put(grantKind, grant.id, bytes, undefined);
    this.#grants = new Map(this.#grants).set(grant.id, grant);
    this.#apply();
    tellStep(grant, { store, log, nowMs: clock.nowMs() });
    await store.flush();
  }

  /** The oldest of what is over. */
  async #prune(): Promise<void> {
    const over = this.all.filter((grant) => changesMs(grant) === undefined);
    for (const { id } of over.slice(overMax)) {
      await this.#parts.replica.fenced.remove(grantKind, id);
      const grants = new Map(this.#grants);
      grants.delete(id);
      this.#grants = grants;
    }
  }

  #now(grant: Grant): Grant {
    const endMs = changesMs(grant);
    if (endMs === undefined) return grant;
    const { clock } = this.#parts;
    // A wall clock that was set back ends nothing later.
    const isOver = clock.monotonicMs() >= this.#endOf(grant.id, endMs);
    const atMs = isOver ? Math.max(endMs, clock.nowMs()) : clock.nowMs();
    const after = grantAfter(grant, { kind: 'time', atMs });
    return after.ok ? after.value : grant;
  }

  /** By the monotonic clock; of what was not seen yet, as far away as the wall clock says now. */
  #endOf(id: string, endMs: number): number {
    const known = this.#ends.get(id);
    if (known?.endMs === endMs) return known.monotonicMs;
    const { clock } = this.#parts;
    return clock.monotonicMs() + Math.max(0, endMs - clock.nowMs());
  }

  #noteEnds(): void {
    const ends = [...this.#grants.values()].flatMap((grant): [string, End][] => {
      const endMs = changesMs(grant);
      if (endMs === undefined) return [];
      return [[grant.id, { endMs, monotonicMs: this.#endOf(grant.id, endMs) }]];
    });
    this.#ends = new Map(ends);
  }

  /** What is in effect now is so everywhere; again when time changes it. */
  #apply(): void {
    const { plane, metrics } = this.#parts;
    this.#noteEnds();
    const active = [...this.#grants.values()]
      .filter((grant) => this.#now(grant).state.kind === 'active')
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    metrics.set('chancery_breakglass_active', active.length);
    const before = plane.grants;
    const isChanged =
      active.length !== before.length || active.some((one, index) => one !== before[index]);
    if (isChanged) {
      plane.grant(active);
      this.#parts.onChange();
    }
    this.#plan();
  }

  #plan(): void {
    this.#cancel();
    const { clock, replica } = this.#parts;
    const delays = [...this.#grants.values()].flatMap((grant) => {
      const now = this.#now(grant);
      // It went by unnoticed, as while the end of another one was written.
      if (now !== grant && replica.isLeading) return [retryMs];
      const endMs = changesMs(now);
      if (endMs === undefined) return [];
      return [endMs - clock.nowMs(), this.#endOf(grant.id, endMs) - clock.monotonicMs()];
    });
    if (delays.length === 0) return;
    this.#cancel = clock.after(Math.max(0, Math.min(...delays)) + 1, () => this.#timePassed());
  }

  /** The wall clock jumped: what is over by it ends now, and it is said that it has not had its time. */
  clockJumped(): void {
    const { clock, log } = this.#parts;
    for (const grant of this.#grants.values()) {
      const [endMs, now] = [changesMs(grant), this.#now(grant)];
      if (endMs === undefined || now === grant) continue;
      const leftMs = this.#endOf(grant.id, endMs) - clock.monotonicMs();
      if (leftMs > 0) {
        const seconds = Math.round(leftMs / 1_000);
        log.warn('a break-glass grant ends early: the clock jumped', { grant: grant.id, seconds });
      }
    }
    this.#timePassed();
  }

  /** Ends what is over: here at once, and for the record by whoever leads. */
  #timePassed(): void {
    this.#apply();
    const { replica, clock, log } = this.#parts;
    if (!replica.isLeading) return;
    const over = [...this.#grants.values()].filter((grant) => this.#now(grant) !== grant);
    for (const { id } of over) {
      this.step(id, { kind: 'time', atMs: clock.nowMs() }).catch((error: unknown) => {
        log.error('the end of a break-glass grant was not written', {
          grant: id,
          ...problemFields(error),
        });
        this.#cancel();
        this.#cancel = clock.after(retryMs, () => this.#timePassed());
      });
    }
  }
}

export function noGrant(id: string): Refusal {
  return {
    code: 'CH4234',
    message: `there is no break-glass grant "${id.slice(0, 100)}"`,
    help: 'chancery breakglass list shows all',
  };
}

/** What was heard of again is the same object, and nothing is compiled anew. */
function isSame(a: Grant | undefined, b: Grant): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

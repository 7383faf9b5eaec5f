import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type LeaseEvent,
  type LeaseState,
  leaseAfter,
  leaseTimes,
  leaseToTake,
  type SeenLease,
  watching,
} from './lease.ts';

const { heldMs, expiresMs } = leaseTimes;

function after(state: LeaseState, ...events: readonly LeaseEvent[]): LeaseState {
  return events.reduce((now, event) => leaseAfter(now, event), state);
}

function read(version: number, holder: string | undefined, nowMs: number): LeaseEvent {
  const lease: SeenLease = { epoch: 7, version, holder };
  return { kind: 'read', lease, nowMs };
}

function leading(begunMs: number, nowMs = begunMs): LeaseState {
  return after(watching(0), { kind: 'written', epoch: 8, version: 3, begunMs, nowMs });
}

describe('the lease', () => {
  it('is taken at once where nobody has ever led, or its holder gave it back', () => {
    assert.deepEqual(leaseToTake(watching(5), 'a', 5), { epoch: 1, ifVersion: 0 });
    const free = after(watching(0), read(4, undefined, 10));
    assert.deepEqual(leaseToTake(free, 'a', 10), { epoch: 8, ifVersion: 4 });
  });

  it('of another is taken only after its version did not change for the whole time, by the own clock', () => {
    const first = after(watching(0), read(4, 'b', 100));
    const later = after(first, read(4, 'b', 100 + expiresMs - 1));
    assert.equal(leaseToTake(later, 'a', 100 + expiresMs - 1), undefined);
    assert.deepEqual(leaseToTake(later, 'a', 100 + expiresMs), { epoch: 8, ifVersion: 4 });
    const renewed = after(later, read(5, 'b', 100 + expiresMs));
    assert.equal(leaseToTake(renewed, 'a', 100 + 2 * expiresMs - 1), undefined);
  });

  it('that this very process lost is taken up again at once, with a new epoch', () => {
    const own = after(watching(0), read(4, 'a', 100));
    assert.deepEqual(leaseToTake(own, 'a', 100), { epoch: 8, ifVersion: 4 });
  });

  it('ends for its holder before another can take it, counted from when the last renewal was begun', () => {
    const state = leading(1_000, 1_400);
    assert.equal(after(state, { kind: 'time', nowMs: 1_000 + heldMs - 1 }).kind, 'leading');
    assert.equal(after(state, { kind: 'time', nowMs: 1_000 + heldMs }).kind, 'watching');
    // Whoever sees that renewal sees it after it was begun, however fast its clock runs within a third.
    assert.ok(heldMs * (4 / 3) <= expiresMs);
  });

  it('is not held by a renewal that came through too late', () => {
    assert.equal(leading(1_000, 1_000 + heldMs).kind, 'watching');
  });

  it('is renewed with the same epoch over the version that was written last', () => {
    assert.deepEqual(leaseToTake(leading(1_000), 'a', 1_500), { epoch: 8, ifVersion: 3 });
  });

  it('is over at once for a holder that was overtaken or gave it back', () => {
    for (const kind of ['overtaken', 'released'] as const) {
      assert.equal(after(leading(1_000), { kind, nowMs: 1_100 }).kind, 'watching');
    }
  });

  it('has one leader at most, whatever is late, lost or stopped', () => {
    for (let seed = 1; seed <= 300; seed += 1) assert.equal(leadersAtOnce(seed), 1, `seed ${seed}`);
  });
});

interface Simulated {
  readonly name: string;
  readonly speed: number;
  state: LeaseState;
  busyUntil: number;
  pausedUntil: number;
}

/** Three replicas with clocks of their own, a store that answers late or not at all; the most that led at one time. */
function leadersAtOnce(seed: number): number {
  let drawn = seed;
  const random = (): number => {
    drawn = (Math.imul(drawn, 1_103_515_245) + 12_345) & 0x7fffffff;
    return drawn / 0x7fffffff;
  };
  const replicas = ['a', 'b', 'c'].map(
    (name): Simulated => ({
      ...{ name, speed: 1 + random() * 0.3, state: watching(0) },
      ...{ busyUntil: 0, pausedUntil: 0 },
    }),
  );
  const pending: (() => void)[][] = Array.from({ length: 60_000 / 50 + 200 }, () => []);
  let stored: SeenLease | undefined;
  let most = 0;
  for (let nowMs = 0, tick = 0; nowMs < 60_000; nowMs += 50, tick += 1) {
    for (const run of pending[tick] ?? []) run();
    for (const one of replicas) {
      const own = nowMs * one.speed;
      if (nowMs < one.pausedUntil) continue;
      one.state = leaseAfter(one.state, { kind: 'time', nowMs: own });
      if (random() < 0.002) one.pausedUntil = nowMs + random() * 12_000;
      if (nowMs < one.busyUntil || random() < 0.5) continue;
      one.state = leaseAfter(one.state, { kind: 'read', lease: stored, nowMs: own });
      const wanted = leaseToTake(one.state, one.name, own);
      if (wanted === undefined) continue;
      const lateTicks = random() < 0.05 ? Math.floor(random() * 150) : Math.floor(random() * 4);
      one.busyUntil = nowMs + lateTicks * 50;
      if ((stored?.version ?? 0) !== wanted.ifVersion) {
        one.state = leaseAfter(one.state, { kind: 'overtaken', nowMs: own });
        continue;
      }
      const version = wanted.ifVersion + 1;
      stored = { epoch: wanted.epoch, version, holder: one.name };
      const { epoch } = wanted;
      pending[tick + lateTicks + 1]?.push(() => {
        const at = (tick + lateTicks + 1) * 50 * one.speed;
        one.state = leaseAfter(one.state, {
          kind: 'written',
          epoch,
          version,
          begunMs: own,
          nowMs: at,
        });
      });
    }
    // One that is paused does nothing; what it would write is refused by the store.
    const leading = replicas.filter(
      ({ state, pausedUntil }) => state.kind === 'leading' && nowMs >= pausedUntil,
    );
    most = Math.max(most, leading.length);
  }
  return most;
}

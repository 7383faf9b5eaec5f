import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { DeskLog } from './desk-log.ts';
import { PoolDesks } from './pool-desks.ts';

/** A pool of two; `here` and `elsewhere`: whom this replica and another one hear. */
function world() {
  const clock = new FakeClock();
  const desks = new DeskLog();
  const here = new Set(['authz-1', 'authz-2']);
  const elsewhere = new Set<string>();
  const plane = {
    asksPool: true,
    poolHosts: ['authz-1', 'authz-2'],
    wanted: 'p-1',
    policyVersion: () => plane.wanted,
    watchers: (host: string) => Number(here.has(host)),
  };
  const fleet = {
    watchers: (host: string) => Number(here.has(host)) + Number(elsewhere.has(host)),
  };
  const pool = new PoolDesks({ plane, fleet, desks, clock });
  const wave = (version: string): void => {
    plane.wanted = version;
  };
  const take = (policy: string, ...hosts: readonly string[]): void => {
    for (const host of hosts) desks.take(host, { policy });
  };
  const states = () => {
    clock.advance(100);
    return pool.all.map(({ state }) => state);
  };
  take('p-1', 'authz-1', 'authz-2');
  return { clock, desks, here, elsewhere, plane, pool, wave, take, states };
}

describe('a wave and the desks of the pool', () => {
  it('is at nobody until each desk that is there has taken its policy', () => {
    const { pool, wave, take, states, clock } = world();
    assert.equal(pool.behind, undefined);
    wave('p-2');
    assert.equal(pool.behind, 'the desk authz-1 of the pool and 1 more has not taken its policy');
    take('p-2', 'authz-1');
    assert.deepEqual(states(), ['taken', 'behind']);
    assert.equal(pool.behind, 'the desk authz-2 of the pool has not taken its policy');
    take('p-2', 'authz-2');
    clock.advance(100);
    assert.equal(pool.behind, undefined);
  });

  it('does not wait for a desk that no control plane hears of, which is named after 15 s for as long as it lasts', () => {
    const { pool, wave, take, states, clock, here } = world();
    here.delete('authz-2');
    wave('p-2');
    take('p-2', 'authz-1');
    assert.deepEqual(states(), ['taken', 'away']);
    assert.equal(pool.behind, undefined);
    assert.equal(pool.findings.length, 0);
    clock.advance(15_000);
    const [finding, ...more] = pool.findings;
    assert.deepEqual([finding?.code, more], ['CH5445', []]);
    assert.match(finding?.message ?? '', /^the desk authz-2 of the pool is not heard of since /);
    // It is back, in the middle of a wave: what it has is of before.
    here.add('authz-2');
    assert.deepEqual(states(), ['taken', 'behind']);
    assert.equal(pool.findings.length, 0);
    take('p-2', 'authz-2');
    assert.deepEqual(states(), ['taken', 'taken']);
  });

  it('names a desk that is there and does not take it', () => {
    const { pool, wave, take, clock } = world();
    wave('p-2');
    take('p-2', 'authz-1');
    assert.equal(pool.findings.length, 0);
    clock.advance(15_000);
    assert.match(
      pool.findings[0]?.message ?? '',
      /^the desk authz-2 of the pool has not taken the policy since /,
    );
  });

  it('waits 5 s for a desk that another replica tells, which may call the same policy otherwise', () => {
    const { pool, wave, take, states, clock, here, elsewhere } = world();
    here.delete('authz-2');
    elsewhere.add('authz-2');
    wave('p-2');
    take('p-2', 'authz-1');
    assert.deepEqual(states(), ['taken', 'behind']);
    clock.advance(5_000);
    assert.deepEqual(states(), ['taken', 'unknown']);
    assert.equal(pool.behind, undefined);
    clock.advance(60_000);
    assert.equal(pool.findings.length, 0);
    wave('p-3');
    take('p-3', 'authz-1');
    assert.deepEqual(states(), ['taken', 'behind']);
  });

  it('is refused by one that cannot read it', () => {
    const { desks, pool, wave, take } = world();
    wave('p-2');
    take('p-2', 'authz-1');
    desks.take('authz-2', { policy: 'p-1', policyRefused: { version: 'p-2', problem: 'no' } });
    assert.equal(pool.behind, undefined);
    assert.equal(pool.refused, 'policy, at the desk authz-2 of the pool: no');
  });

  it('has nothing to wait for where no proxy asks the pool', () => {
    const { plane, pool, wave } = world();
    plane.asksPool = false;
    wave('p-2');
    assert.deepEqual([pool.all, pool.behind, pool.refused], [[], undefined, undefined]);
  });
});

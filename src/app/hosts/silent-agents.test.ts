import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { Workload } from '../../compile/inventory.ts';
import { OpenWatches } from './open-watches.ts';
import { SilentAgents } from './silent-agents.ts';

describe('an agent that hangs', () => {
  it('loses its watch after 25 s without any call of its host, and not while it calls', () => {
    const clock = new FakeClock();
    const watches = new OpenWatches({ clock, random: systemRandom });
    const ended: string[] = [];
    for (const host of ['hangs', 'calls']) watches.opened(host, () => ended.push(host));
    for (let tenSeconds = 0; tenSeconds < 6; tenSeconds += 1) {
      clock.advance(10_000);
      watches.heard('calls');
      if (tenSeconds === 1) assert.deepEqual(ended, []);
      if (tenSeconds === 2) assert.deepEqual(ended, ['hangs']);
    }
    assert.deepEqual(ended, ['hangs']);
  });

  it('leaves no timer behind when its watch ends', () => {
    const clock = new FakeClock();
    const watches = new OpenWatches({ clock, random: systemRandom });
    watches.opened('h', () => assert.fail('it has ended before'))();
    clock.advance(60_000);
    assert.equal(clock.timerCount, 0);
  });

  it('is told by its host after 15 s, in the same words as long as it lasts, until it is heard of', () => {
    const clock = new FakeClock();
    const watchers = new Map([['there', 1]]);
    const inventory = ['there', 'away', 'away'].map((host) => ({ host }) as Workload);
    const silent = new SilentAgents({
      ...{ plane: { inventory }, clock },
      fleet: { watchers: (host) => watchers.get(host) ?? 0 },
    });
    const after = (ms: number) => {
      clock.advance(ms);
      return silent.look();
    };
    assert.deepEqual(after(0), []);
    assert.deepEqual(after(14_000), []);
    const [finding, ...more] = after(2_000);
    assert.match(finding?.message ?? '', /^the agent of the host away is not heard of since /);
    assert.deepEqual([finding?.code, more], ['CH5423', []]);
    assert.deepEqual(after(60_000), [finding]);
    watchers.set('away', 1);
    assert.deepEqual(after(1_000), []);
    watchers.delete('away');
    assert.deepEqual(after(1_000), []);
  });
});

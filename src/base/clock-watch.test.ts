import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { tellingClock, watchClock } from './clock-watch.ts';

describe('a clock that is watched', () => {
  it('tells of a sleep and of a hand that sets it back, once each, and of nothing else', () => {
    const clock = new FakeClock();
    let skewMs = 0;
    const jumps: number[] = [];
    const skewed = {
      nowMs: () => clock.nowMs() + skewMs,
      monotonicMs: () => clock.monotonicMs(),
      after: clock.after.bind(clock),
    };
    const stop = watchClock(skewed, (jumpedMs) => jumps.push(jumpedMs));
    clock.advance(10_000);
    skewMs = 300;
    clock.advance(10_000);
    assert.deepEqual(jumps, []);
    skewMs += 3_600_000;
    clock.advance(10_000);
    skewMs -= 60_000;
    clock.advance(10_000);
    assert.deepEqual(jumps, [3_600_000, -60_000]);
    stop();
    skewMs = 0;
    clock.advance(10_000);
    assert.equal(jumps.length, 2);
  });

  it('tells whoever keeps times of a jump before it gives a time after it', () => {
    const clock = new FakeClock();
    const telling = tellingClock(clock);
    let keptMs = telling.nowMs();
    telling.onJump((jumpedMs) => {
      keptMs += jumpedMs;
    });
    for (const jumpMs of [3_600_000, -60_000]) {
      clock.jump(jumpMs);
      clock.advance(10);
      assert.equal(telling.nowMs() - keptMs, 10);
      keptMs = telling.nowMs();
    }
  });
});

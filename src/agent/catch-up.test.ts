import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { CatchUp } from './catch-up.ts';

function world() {
  const clock = new FakeClock();
  let stalls = 0;
  const catchUp = new CatchUp(clock, () => {
    stalls += 1;
  });
  /** The process stands still: time goes by and no timer runs. */
  const stop = (ms: number): void => {
    const untilMs = clock.monotonicMs() + ms;
    clock.monotonicMs = () => untilMs;
  };
  return { clock, catchUp, stop, stalls: () => stalls };
}

describe('a desk of the pool', () => {
  it('that starts is behind until the control plane has told it the policy', () => {
    const { clock, catchUp, stalls } = world();
    assert.equal(catchUp.isBehind, true);
    clock.advance(4_900);
    assert.equal(catchUp.isBehind, true);
    catchUp.heard();
    assert.equal(catchUp.isBehind, false);
    clock.advance(60_000);
    assert.equal(catchUp.isBehind, false);
    assert.equal(stalls(), 0);
  });

  it('goes on with what it has where there is no control plane to hear of', () => {
    const { clock, catchUp } = world();
    clock.advance(5_000);
    assert.equal(catchUp.isBehind, false);
  });

  it('that stood still is behind at the first question after it, and asks for the policy anew, once', () => {
    const { catchUp, stop, stalls } = world();
    catchUp.heard();
    stop(10_000);
    assert.equal(catchUp.isBehind, true);
    assert.equal(catchUp.isBehind, true);
    assert.equal(stalls(), 1);
    catchUp.heard();
    assert.equal(catchUp.isBehind, false);
  });

  it('is not taken for stopped where its machine is only busy', () => {
    const { catchUp, stop, stalls } = world();
    catchUp.heard();
    stop(1_900);
    assert.equal(catchUp.isBehind, false);
    assert.equal(stalls(), 0);
  });

  it('leaves no timer behind', () => {
    const { clock, catchUp } = world();
    catchUp.stop();
    assert.equal(clock.timerCount, 0);
  });
});

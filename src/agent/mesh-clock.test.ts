import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Log } from '../base/log.ts';
import { MeshClock } from './mesh-clock.ts';

const minuteMs = 60_000;

function world() {
  const warned: string[] = [];
  const log: Log = { info: () => {}, warn: (text) => warned.push(text), error: () => {} };
  const host = { now: 1_000_000, monotonic: 0 };
  const clock = new MeshClock({ nowMs: () => host.now, monotonicMs: () => host.monotonic }, log);
  const pass = (ms: number): void => {
    host.now += ms;
    host.monotonic += ms;
  };
  return { clock, host, pass, warned };
}

describe('the clock of a desk', () => {
  it('is that of the host until the control plane has said what time it is', () => {
    const { clock, pass } = world();
    pass(minuteMs);
    assert.equal(clock.nowMs(), 1_000_000 + minuteMs);
  });

  for (const differsMs of [40 * minuteMs, -10 * minuteMs]) {
    it(`is that of the control plane where the host's is ${differsMs / minuteMs} minutes ahead`, () => {
      const { clock, pass, warned } = world();
      clock.hear(1_000_000 - differsMs);
      assert.equal(clock.nowMs(), 1_000_000 - differsMs);
      pass(minuteMs);
      assert.equal(clock.nowMs(), 1_000_000 - differsMs + minuteMs);
      clock.hear(1_000_000 - differsMs + minuteMs);
      assert.equal(warned.length, 1, 'it is said once');
    });
  }

  it('stays that of the host where the two are about the same', () => {
    const { clock, warned } = world();
    clock.hear(1_000_000 - 900);
    assert.equal(clock.nowMs(), 1_000_000);
    assert.deepEqual(warned, []);
  });

  it('is that of the host again when that was set, or the machine slept, until it is compared anew', () => {
    const { clock, host, pass } = world();
    clock.hear(1_000_000 - 40 * minuteMs);
    pass(minuteMs);
    host.now -= 40 * minuteMs;
    assert.equal(clock.nowMs(), host.now);
    clock.hear(host.now);
    assert.equal(clock.nowMs(), host.now);
  });
});

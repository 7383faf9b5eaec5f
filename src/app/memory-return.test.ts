import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { MemoryReturn, mallocTrim } from './memory-return.ts';

function fixture() {
  const clock = new FakeClock();
  const trims: number[] = [];
  const memory = new MemoryReturn({ clock, trim: () => trims.push(clock.monotonicMs()) });
  const move = (count: number): void => {
    for (let index = 0; index < count; index += 1) memory.moved();
  };
  return { clock, trims, move, stir: () => memory.stirred() };
}

describe('memory that many proxies left', () => {
  it('is given back once, when nobody comes any more', () => {
    const { clock, trims, move } = fixture();
    for (let step = 0; step < 10; step += 1) {
      move(100);
      clock.advance(25);
    }
    assert.deepEqual(trims, [], 'the burst goes on');
    clock.advance(1_000);
    assert.equal(trims.length, 1);
    assert.equal(clock.timerCount, 0);
  });

  it('is in use while those who came still take what they are sent', () => {
    const { clock, trims, move, stir } = fixture();
    move(1_000);
    for (let step = 0; step < 20; step += 1) {
      stir();
      clock.advance(40);
    }
    assert.deepEqual(trims, []);
    clock.advance(100);
    assert.equal(trims.length, 1);
    for (let step = 0; step < 1_000; step += 1) stir();
    clock.advance(60_000);
    assert.equal(trims.length, 1, 'nobody came or went');
  });

  it('is left alone for a few, and looked at again after the next burst', () => {
    const { clock, trims, move } = fixture();
    move(99);
    clock.advance(60_000);
    assert.equal(trims.length, 0);
    move(1);
    clock.advance(1_000);
    move(100);
    clock.advance(1_000);
    assert.equal(trims.length, 2);
  });

  it('is asked of the C library without waiting for it', () => {
    assert.doesNotThrow(mallocTrim());
  });
});

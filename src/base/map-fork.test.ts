import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forkMap, type MapFork } from './map-fork.ts';

/** Mulberry32, so that a failure can be run again. */
function drawFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function byKey(map: ReadonlyMap<number, number>): [number, number][] {
  return [...map].sort(([a], [b]) => a - b);
}

describe('forks of a map', () => {
  it('hold what a whole copy would, and leave what they came from as it was', () => {
    const draw = drawFrom(1);
    const first = new Map(Array.from({ length: 4_000 }, (_, key) => [key, key]));
    let known: ReadonlyMap<number, number> = first;
    let expected = new Map(first);
    for (let round = 0; round < 60; round += 1) {
      const before = byKey(known);
      const fork: MapFork<number, number> = forkMap(known);
      const copy = new Map(expected);
      for (let count = draw(200); count > 0; count -= 1) {
        const key = draw(5_000);
        if (draw(3) === 0) {
          fork.delete(key);
          copy.delete(key);
        } else {
          fork.set(key, round);
          copy.set(key, round);
        }
        assert.equal(fork.get(key), copy.get(key));
        assert.equal(fork.has(key), copy.has(key));
      }
      assert.equal(fork.size, copy.size);
      assert.deepEqual(byKey(fork), byKey(copy));
      assert.deepEqual([...fork.keys()].length, copy.size);
      assert.deepEqual(byKey(known), before);
      known = fork;
      expected = copy;
    }
    assert.equal(first.size, 4_000);
  });
});

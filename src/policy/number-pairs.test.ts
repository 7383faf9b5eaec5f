import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import { numberPairs, valueOfPair } from './number-pairs.ts';

test('each pair has its value, and a pair that is not there has none', () => {
  const random = seeded(3);
  for (const count of [0, 1, 2, 3, 100, 5_000]) {
    const pairs = new Map<string, number>();
    while (pairs.size < count) {
      const number = (): number => Math.floor(random() * 3 * count);
      pairs.set(`${number()} ${number() - 1}`, pairs.size);
    }
    const keys = [...pairs].map(([key, value]) => [...key.split(' ').map(Number), value]);
    const made = numberPairs(keys.flat());
    for (const [first = 0, second = 0, value] of keys) {
      assert.equal(valueOfPair(made, first, second), value);
      const other = pairs.get(`${second} ${first}`) ?? -1;
      if (second >= 0) assert.equal(valueOfPair(made, second, first), other);
    }
    assert.equal(valueOfPair(made, 3 * count, 0), -1);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../base/random.ts';
import { decisionIds } from './decision-id.ts';

test('an id of a later millisecond sorts later', () => {
  let nowMs = 1_700_000_000_000;
  const next = decisionIds({ nowMs: () => nowMs }, systemRandom);
  const ids: string[] = [];
  for (const stepMs of [0, 1, 30, 31, 1_000, 86_400_000]) {
    nowMs += stepMs;
    if (stepMs > 0) ids.push(next());
  }
  assert.deepEqual(ids, ids.toSorted());
  assert.match(ids[0] ?? '', /^d-[0-9a-hjkmnp-tv-z]{16}$/);
});

test('ids of one millisecond differ', () => {
  const next = decisionIds({ nowMs: () => 1 }, systemRandom);
  const ids = Array.from({ length: 5_000 }, next);
  assert.equal(new Set(ids).size, ids.length);
});

test('the same clock and random bytes give the same ids', () => {
  const bytes = (length: number) => new Uint8Array(length).fill(33);
  assert.equal(decisionIds({ nowMs: () => 0 }, { bytes })(), 'd-0000000001111111');
});

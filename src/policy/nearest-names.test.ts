import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestNames } from './nearest-names.ts';

const known = ['payments', 'payouts', 'ledger', 'cart', 'card'];

test('letters swapped with a neighbour count as one mistake', () => {
  assert.deepEqual(nearestNames('cra', ['car']), ['car']);
  assert.deepEqual(nearestNames('paymnets', known), ['payments']);
});
test('of equally near names the first by letters comes first', () => {
  assert.deepEqual(nearestNames('carx', known), ['card', 'cart']);
});
test('a name that is far from all has none near', () => {
  assert.deepEqual(nearestNames('inventory', known), []);
});
test('at most three names are given', () => {
  assert.deepEqual(nearestNames('aaa', ['aa1', 'aa2', 'aa3', 'aa4']), ['aa1', 'aa2', 'aa3']);
});
test('a name longer than a label has none near', () => {
  assert.deepEqual(nearestNames('a'.repeat(64), ['a'.repeat(63)]), []);
});

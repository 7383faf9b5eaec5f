import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldChanges } from './field-changes.ts';

describe('what differs between two messages', () => {
  it('is named field by field, with its place in lists', () => {
    const before = { name: 'a', routes: [{ weight: 90 }, { weight: 10 }], old: true };
    const after = { name: 'a', routes: [{ weight: 50 }, { weight: 10 }, {}], fresh: 'x' };
    assert.deepEqual(fieldChanges(before, after), [
      { path: 'routes[0].weight', before: 90, after: 50 },
      { path: 'routes[2]', before: undefined, after: {} },
      { path: 'old', before: true, after: undefined },
      { path: 'fresh', before: undefined, after: 'x' },
    ]);
  });

  it('holds what has a name against its namesake, wherever it stands, and tells of the order apart', () => {
    const before = [
      { name: 'a', to: 1 },
      { name: 'b', to: 1 },
      { name: 'b', to: 2 },
    ];
    const after = [
      { name: 'new' },
      { name: 'b', to: 1 },
      { name: 'b', to: 3 },
      { name: 'a', to: 1 },
    ];
    assert.deepEqual(fieldChanges({ routes: before }, { routes: after }), [
      { path: 'routes[b #2].to', before: 2, after: 3 },
      { path: 'routes[new]', before: undefined, after: { name: 'new' } },
      { path: 'routes in the order', before: ['a', 'b', 'b #2'], after: ['b', 'b #2', 'a'] },
    ]);
  });

  it('is nothing between equal ones, and all of it between a list and a message', () => {
    assert.deepEqual(fieldChanges({ a: [1, { b: null }] }, { a: [1, { b: null }] }), []);
    assert.deepEqual(fieldChanges({ a: [] }, { a: {} }), [{ path: 'a', before: [], after: {} }]);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { causeOf, changedRange } from './cause.ts';

const files = (entries: Readonly<Record<string, string>>) => new Map(Object.entries(entries));
const from = [
  { file: 'a', line: 1 },
  { file: 'a', line: 3 },
];

describe('the line that is to blame for a difference', () => {
  it('is the changed one among those that a resource comes from', () => {
    const [own, other] = [files({ a: '1\n2\nx\n4' }), files({ a: '1\n2\n3\n4' })];
    assert.deepEqual(causeOf(from, own, other), { file: 'a', line: 3 });
  });

  it('else is the first changed one of their files, and then of all files', () => {
    const other = files({ a: '1\n2\n3\n4', b: '1' });
    assert.deepEqual(causeOf(from, files({ a: '1\n2\n3\nx', b: 'x' }), other), {
      ...{ file: 'a', line: 4 },
    });
    assert.deepEqual(causeOf(from, files({ a: '1\n2\n3\n4', b: 'x' }), other), {
      ...{ file: 'b', line: 1 },
    });
  });

  it('is where the resource comes from when nothing on its side was changed', () => {
    const own = files({ a: '1' });
    assert.deepEqual(causeOf(from, own, files({ a: '1', b: 'new' })), { file: 'a', line: 1 });
    assert.equal(causeOf([], own, own), undefined);
  });

  it('stays in the file, whatever was added or removed', () => {
    assert.deepEqual(changedRange('a\nb', 'a\nnew\nb'), { first: 2, last: 1 });
    assert.deepEqual(changedRange('a', 'a\nb\nc'), { first: 1, last: 1 });
    assert.deepEqual(changedRange('a\nb\nc', 'c'), { first: 1, last: 2 });
    assert.deepEqual(changedRange('a', undefined), { first: 1, last: 1 });
    assert.equal(changedRange('a', 'a'), undefined);
    assert.equal(changedRange(undefined, 'a'), undefined);
  });
});

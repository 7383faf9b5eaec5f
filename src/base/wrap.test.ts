import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { textWidth } from './text-width.ts';
import { fitted, folded, wrapped } from './wrap.ts';

describe('lines of a width', () => {
  it('hold whole words; one that is longer stays whole', () => {
    assert.deepEqual(wrapped('see services/payments.yaml:12:7 and mend it', 12), [
      'see',
      'services/payments.yaml:12:7',
      'and mend it',
    ]);
  });

  it('count columns, not characters', () => {
    assert.deepEqual(wrapped('支払い 支払い ab', 9), ['支払い', '支払い ab']);
  });

  it('break a word of strangers that has no end', () => {
    const lines = folded(`${'x'.repeat(25)} ${'支'.repeat(7)}`, 10);
    assert.deepEqual(lines, ['xxxxxxxxxx', 'xxxxxxxxxx', 'xxxxx', '支支支支支', '支支']);
    assert.deepEqual(folded('支払', 1), ['支払']);
  });

  it('of a text stay as they are where they fit, and else go on further in', () => {
    const text = 'one two three\n  four five six\nend';
    assert.equal(fitted(text, 13), 'one two three\n  four five\n    six\nend');
    assert.equal(fitted(text, Number.POSITIVE_INFINITY), text);
  });

  it('colours stand where they stood, and take no room', () => {
    const red = '\u001b[31m  aaa bbb ccc\u001b[0m';
    const lines = fitted(red, 11).split('\n');
    assert.deepEqual(lines, ['\u001b[31m  aaa bbb', '    ccc\u001b[0m']);
    for (const line of lines) assert.ok(textWidth(line) <= 11, line);
  });
});

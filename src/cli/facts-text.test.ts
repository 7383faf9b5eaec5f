import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { factLines } from './facts-text.ts';

describe('facts below each other', () => {
  it('go on below themselves where a terminal is narrow, and are whole elsewhere', () => {
    const facts = [
      ['state', 'here'],
      ['支払い', 'one two three'],
    ] as const;
    const at = (width: number): readonly string[] => factLines(facts, { indent: '  ', width });
    assert.deepEqual(at(17), ['  state   here', '  支払い  one two', '          three']);
    assert.deepEqual(at(Number.POSITIVE_INFINITY), ['  state   here', '  支払い  one two three']);
  });
});

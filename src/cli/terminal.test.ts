import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { harmless, paint } from './terminal.ts';

const esc = '\u001b';

describe('text for a terminal', () => {
  it('what a terminal would obey is written out, also where colours are', () => {
    for (const color of [true, false]) {
      assert.equal(harmless(`a${esc}[2Jb`, color), 'a\\u001b[2Jb');
      assert.equal(harmless(`a${esc}]0;title\u0007b`, color), 'a\\u001b]0;title\\u0007b');
      assert.equal(harmless(`a${esc}[8mhidden`, color), 'a\\u001b[8mhidden');
      assert.equal(harmless('a\rb\u009b2J\u202ec', color), 'a\\u000db\\u009b2J\\u202ec');
    }
  });

  it('own colours stay on a terminal and go off it; tabs and line ends stay', () => {
    const red = paint({ color: true }, 'red', 'no');
    assert.equal(harmless(red, true), red);
    assert.equal(harmless(red, false), 'no');
    assert.equal(harmless(`${esc}[1;31mx${esc}[0m`, true), `${esc}[1;31mx${esc}[0m`);
    assert.equal(harmless('a\tb\r\nc\n', false), 'a\tb\r\nc\n');
  });

  it('JSON stays what it is to a reader', () => {
    const said = { reason: `x\u009b\u007f\u202e${esc}` };
    assert.deepEqual(JSON.parse(harmless(JSON.stringify(said), false)), said);
  });
});

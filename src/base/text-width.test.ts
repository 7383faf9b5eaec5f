import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginningOf, cutText, padText, textWidth } from './text-width.ts';

const red = (text: string): string => `\u001b[1;31m${text}\u001b[0m`;

describe('the width of a text', () => {
  it('is its columns: wide signs count twice, marks and colours not at all', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['payments', 8],
      [red('down'), 4],
      ['支払い', 6],
      ['ｆｕｌｌ', 8],
      ['결제', 4],
      ['e\u0301te\u0301', 3],
      ['→ ✓ …', 5],
      ['🚀', 2],
      ['👩‍👩‍👧', 2],
      ['🇨🇭', 2],
      ['❤\ufe0f', 2],
      ['a\u200bb', 2],
      ['', 0],
    ];
    for (const [text, columns] of cases) assert.equal(textWidth(text), columns, text);
  });

  it('a cut never halves a sign, and never takes more than it may', () => {
    assert.equal(cutText('支払いサービス', 6), '支払…');
    assert.equal(cutText('a👩‍👩‍👧b', 3), 'a…');
    assert.equal(cutText('payments', 8), 'payments');
    assert.equal(beginningOf(red('payments'), 3), 'pay');
  });

  it('padding counts columns', () => {
    assert.equal(padText('支払', 6), '支払  ');
    assert.equal(padText(red('no'), 4), `${red('no')}  `);
  });
});

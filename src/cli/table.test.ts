import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { table } from './table.ts';
import { stripColor } from './terminal.ts';

const red = (text: string): string => `\u001b[31m${text}\u001b[0m`;

describe('table', () => {
  it('columns are as wide as their widest cell, colours not counted', () => {
    const text = table({
      header: ['service', 'state'],
      rows: [
        ['payments', red('down')],
        ['web', 'ready'],
      ],
      width: 80,
    });
    assert.deepEqual(stripColor(text).split('\n'), [
      'service   state',
      'payments  down',
      'web       ready',
    ]);
  });

  it('no line is wider than the terminal: the widest column gives way and says so', () => {
    const text = table({
      header: ['id', 'reason'],
      rows: [['payments-v1', 'x'.repeat(200)]],
      width: 40,
    });
    for (const line of text.split('\n')) assert.ok(line.length <= 40, line);
    assert.match(text, /x…$/m);
  });

  it('a cell with line ends stays in its row', () => {
    const text = table({ header: ['a', 'b'], rows: [['x\n0 problems', 'y']], width: 80 });
    assert.deepEqual(text.split('\n'), ['a              b', 'x\\n0 problems  y']);
  });

  it('a terminal narrower than the narrowest columns ends the shrinking', () => {
    const text = table({ header: ['a', 'b'], rows: [['y'.repeat(50), 'z'.repeat(50)]], width: 5 });
    assert.equal(text.split('\n')[1], `${'y'.repeat(7)}…  ${'z'.repeat(7)}…`);
  });
});

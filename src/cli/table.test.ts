import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripColor, textWidth } from '../base/text-width.ts';
import { prose, spare, table } from './table.ts';

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

  it('prose is wrapped in its column, and nothing of it is left out', () => {
    const text = table({
      header: ['id', prose('reason'), 'by'],
      rows: [['payments-v1', red('the certificate of its host has ended an hour ago'), 'ann']],
      width: 50,
    });
    assert.deepEqual(text.split('\n'), [
      'id           reason                            by',
      `payments-v1  ${red('the certificate of its host has')}   ann`,
      `             ${red('ended an hour ago')}`,
    ]);
  });

  it('of prose without an end there is a beginning; a pipe gets all of it', () => {
    const rows = [['p', 'x'.repeat(9_000)]];
    const lines = table({ header: ['id', prose('what')], rows, width: 40 }).split('\n');
    assert.equal(lines.length, 7);
    for (const line of lines) assert.ok(textWidth(line) <= 40, line);
    const whole = table({ header: ['id', prose('what')], rows, width: Number.POSITIVE_INFINITY });
    assert.ok(whole.includes('x'.repeat(9_000)));
  });

  it('any number of words and rows is taken', () => {
    const rows = Array.from({ length: 1_000 }, (_, at) => [String(at), 'word '.repeat(300)]);
    const lines = table({ header: ['id', prose('what')], rows, width: 80 }).split('\n');
    assert.equal(lines.length, 6_001);
  });

  it('a list is broken between names, never inside of one', () => {
    const rules = ['payments-allow-checkout-to-make-a-charge', 'allow-b', 'allow-c'];
    const rows = [['checkout', rules.join(', ')]];
    const lines = table({ header: ['who', prose('rules')], rows, width: 52 }).split('\n');
    assert.deepEqual(lines.slice(1), [
      'checkout  payments-allow-checkout-to-make-a-charge,',
      '          allow-b, allow-c',
    ]);
  });

  it('what is spare is left out, the last first, before a row becomes a record', () => {
    const header = ['name', spare('made'), 'state', spare('version')];
    const rows = [['payments-v1', '2026-03-01', 'accepted', '01234567']];
    const at = (width: number): string => table({ header, rows, width }).split('\n')[1] ?? '';
    assert.equal(at(43), 'payments-v1  2026-03-01  accepted  01234567');
    assert.equal(at(42), 'payments-v1  2026-03-01  accepted');
    assert.equal(at(32), 'payments-v1  accepted');
  });

  it('what does not stand side by side stands below its row, whole', () => {
    const long = (letter: string): string => letter.repeat(63);
    const text = table({
      header: ['', 'from', 'to', 'expect', 'got', prose('reason')],
      rows: [
        [red('FAIL'), long('a'), long('b'), 'allow', 'deny', 'no rule of it allows that at all'],
        ['pass', 'web', 'c', 'deny', 'deny', ''],
      ],
      width: 80,
    });
    assert.deepEqual(text.split('\n'), [
      '      expect  got   reason',
      `${red('FAIL')}  allow   deny  no rule of it allows that at all`,
      `    from: ${long('a')}`,
      `    to: ${long('b')}`,
      'pass  deny    deny',
      '    from: web  to: c',
    ]);
  });

  it('a name that leaves too little room beside it stands above the rest of its row', () => {
    const rows = [['a'.repeat(63), 'host-1', 'ready', 'its certificate has ended']];
    const header = ['workload', 'host', 'state', prose('problem')];
    assert.deepEqual(table({ header, rows, width: 64 }).split('\n'), [
      'workload',
      '    host    state  problem',
      'a'.repeat(63),
      '    host-1  ready  its certificate has ended',
    ]);
  });

  it('wide signs do not move what stands beside them', () => {
    const rows = [
      ['支払い', 'a'],
      ['🚀', 'b'],
      ['e\u0301', 'c'],
    ];
    const lines = table({ header: ['name', 'x'], rows, width: 80 }).split('\n');
    for (const line of lines) assert.equal(textWidth(line), 9, line);
  });

  it('a cell with line ends stays in its row', () => {
    const text = table({ header: ['a', 'b'], rows: [['x\n0 problems', 'y']], width: 80 });
    assert.deepEqual(text.split('\n'), ['a              b', 'x\\n0 problems  y']);
  });
});

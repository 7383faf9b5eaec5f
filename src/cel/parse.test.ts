import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problemsOf } from './cel.fixture.ts';
import { nestingMax, nodeCountMax, textLengthMax } from './limits.ts';
import { parseCel } from './parse.ts';
import { type CelTree, childrenOf } from './tree.ts';

function parts(text: string): string[] {
  const parsed = parseCel(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  const all = (tree: CelTree): string[] => [
    text.slice(tree.at, tree.at + tree.len),
    ...childrenOf(tree).flatMap(all),
  ];
  return all(parsed.value.tree);
}

describe('reading a condition', () => {
  it('gives each part the place where it stands', () => {
    assert.deepEqual(parts('  (a || "😀" == b.c) && !d[0].f(1, x) // end'), [
      '(a || "😀" == b.c) && !d[0].f(1, x)',
      '(a || "😀" == b.c)',
      'a',
      '"😀" == b.c',
      '"😀"',
      'b.c',
      'b',
      '!d[0].f(1, x)',
      'd[0].f(1, x)',
      'd[0]',
      'd',
      '0',
      '1',
      'x',
    ]);
  });

  it('points at what is wrong and says what could stand there', () => {
    assert.deepEqual(problemsOf('a = b'), ['=: `=` has no meaning here (expected ==)']);
    assert.deepEqual(problemsOf('f(x,'), [': expected a value, found the end (expected a value)']);
    assert.deepEqual(problemsOf('(a'), [': expected `)`, found the end (expected `)`)']);
    assert.deepEqual(problemsOf('[1, 2'), [
      ': expected `,` or `]`, found the end (expected `,` or `]`)',
    ]);
    assert.deepEqual(problemsOf('a and b'), [
      'and: expected an operator or the end, found `and` (expected an operator or the end)',
    ]);
    assert.deepEqual(problemsOf('a == "x'), ['": the string does not end']);
    assert.deepEqual(problemsOf('"\\d"')[0]?.slice(0, 30), '\\d: `\\d` is no escape of CEL (');
    assert.deepEqual(problemsOf('while'), ['while: `while` is a word that CEL keeps for itself']);
    assert.deepEqual(problemsOf('1abc'), ['1: a number can not be followed by `a`']);
  });

  it('refuses numbers that do not fit into 64 bits, and takes the least and the greatest', () => {
    const wide = 'the number does not fit into 64 bits';
    assert.deepEqual(problemsOf('9223372036854775808 > 1'), [`9223372036854775808: ${wide}`]);
    assert.deepEqual(problemsOf('18446744073709551616u > 1u'), [`18446744073709551616u: ${wide}`]);
    for (const text of ['-9223372036854775808', '9223372036854775807', '18446744073709551615u'])
      assert.ok(parseCel(text).ok, text);
  });

  it('keeps its limits of length, parts and nesting', () => {
    const message = (text: string) => {
      const parsed = parseCel(text);
      return parsed.ok ? 'ok' : parsed.error.message;
    };
    assert.match(message('a'.repeat(textLengthMax + 1)), /at most 4096/);
    assert.match(message(`[${'1,'.repeat(nodeCountMax)}]`), /more than 1000 parts/);
    for (const [open, close] of [
      ['(', ')'],
      ['[', ']'],
      ['f(', ')'],
      ['!', ''],
      ['{1: ', '}'],
      ['a ? b : ', ''],
      ['a[', ']'],
      ['1 + ', ''],
      ['a.b.', 'c'],
    ] as const) {
      assert.equal(message(`${open.repeat(20)}a${close.repeat(20)}`), 'ok', open);
      assert.match(
        message(`${open.repeat(nestingMax + 1)}a${close.repeat(nestingMax + 1)}`),
        /nested deeper/,
        open,
      );
    }
  });
});

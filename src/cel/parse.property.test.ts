import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from '@bufbuild/cel';
import { seeded } from '../base/seeded.fixture.ts';
import { checkCel } from './check.ts';
import { compileCel } from './compile.ts';
import { parseCel } from './parse.ts';
import { randomCondition, randomVariables } from './random.fixture.ts';
import type { CelTree } from './tree.ts';
import { celUnknown } from './value.ts';

type Theirs = ReturnType<typeof parse>['expr'];

/** Both trees as text without places; macros as they were written; chains flat; doubled signs gone, as the oracle drops them. */
function ours(tree: CelTree): string {
  switch (tree.t) {
    case 'literal':
      return literal(tree.literal.k, 'v' in tree.literal ? String(tree.literal.v) : '');
    case 'name':
      return tree.name;
    case 'select':
      return `(. ${ours(tree.of)} ${tree.field.text})`;
    case 'index':
      return `(_[_] ${ours(tree.of)} ${ours(tree.key)})`;
    case 'call':
      return tree.fn.text === 'has' && tree.args[0]?.t === 'select'
        ? `(has ${ours(tree.args[0].of)} ${tree.args[0].field.text})`
        : list(tree.fn.text, [...(tree.target === undefined ? [] : [tree.target]), ...tree.args]);
    case 'list':
      return list('list', tree.items);
    case 'map':
      return list('map', tree.entries.flat());
    case 'unary':
      return tree.of.t === 'unary' ? ours(tree.of.of) : list(`${tree.sign}_`, [tree.of]);
    case 'binary':
      return list(tree.sign === 'in' ? '@in' : `_${tree.sign}_`, [tree.left, tree.right]);
    case 'chain':
      return `(_${tree.sign}_ ${tree.terms.map((term) => flat(ours(term), tree.sign)).join(' ')})`;
    case 'if':
      return list('_?_:_', [tree.test, tree.yes, tree.no]);
  }
}

function flat(text: string, sign: string): string {
  return text.startsWith(`(_${sign}_ `) ? text.slice(`(_${sign}_ `.length, -1) : text;
}

function list(head: string, parts: readonly CelTree[]): string {
  return `(${[head, ...parts.map(ours)].join(' ')})`;
}

function literal(kind: string, value: string): string {
  return `${kind}:${JSON.stringify(value)}`;
}

function theirs(expr: Theirs | undefined, macros: Record<string, Theirs>): string {
  if (expr === undefined) return 'nothing';
  const macro = macros[String(expr.id)];
  const kind = macro?.exprKind ?? expr.exprKind;
  const all = (head: string, parts: readonly (Theirs | undefined)[]) =>
    `(${[head, ...parts.map((part) => theirs(part, macros))].join(' ')})`;
  switch (kind.case) {
    case 'constExpr': {
      const { case: name, value } = kind.value.constantKind;
      const type = { int64Value: 'int', uint64Value: 'uint' }[name as string];
      const text = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
      return literal(
        type ?? String(name).replace('Value', ''),
        name === 'nullValue' ? '' : String(text),
      );
    }
    case 'identExpr':
      return kind.value.name;
    case 'selectExpr': {
      const head = kind.value.testOnly ? 'has' : '.';
      return `(${head} ${theirs(kind.value.operand, macros)} ${kind.value.field})`;
    }
    case 'callExpr': {
      const { function: fn, target, args } = kind.value;
      const [first] = args;
      if (macro !== undefined && fn === 'has' && first?.exprKind.case === 'selectExpr') {
        const { operand, field } = first.exprKind.value;
        return `(has ${theirs(operand, macros)} ${field})`;
      }
      const sign = fn === '_&&_' ? '&&' : fn === '_||_' ? '||' : undefined;
      if (sign !== undefined)
        return `(_${sign}_ ${args.map((arg) => flat(theirs(arg, macros), sign)).join(' ')})`;
      return all(
        fn === '-_' || fn === '!_' ? fn : fn,
        target === undefined ? args : [target, ...args],
      );
    }
    case 'listExpr':
      return all('list', kind.value.elements);
    case 'structExpr':
      return all(
        'map',
        kind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    default:
      return `?${kind.case}`;
  }
}

function theirText(text: string): string | undefined {
  try {
    const { expr, sourceInfo } = parse(text);
    const macros = new Map<string, Theirs>();
    collect(expr, macros, sourceInfo?.macroCalls ?? {});
    return theirs(expr, Object.fromEntries(macros));
  } catch {
    return undefined;
  }
}

/** In a macro call their nested macros are empty nodes; their own entries stand for them. */
function collect(_: Theirs, macros: Map<string, Theirs>, calls: Record<string, unknown>): void {
  for (const [id, call] of Object.entries(calls)) macros.set(id, call as Theirs);
}

/** What ours refuses by design and theirs lets through. */
function isOurs(text: string): boolean {
  return /the number does not fit|nested deeper|more than|messages|at most|keeps for itself|found `\.`/.test(
    text,
  );
}

const pieces =
  'a b.c "s" \'q\' 1 2u 3.5 0x1f .5 1e3 r"\\d" b"x" true null ( ) [ ] { } , : ? . ! - + * / % < <= == != && || in has(a.b) x.all(y, y) x.map(y, y, y) """t"""'.split(
    ' ',
  );

describe('reading texts of conditions', () => {
  it('builds the tree that @bufbuild/cel builds', () => {
    const random = seeded(20261129);
    let both = 0;
    for (let round = 0; round < 4000; round += 1) {
      const text =
        round % 2 === 0
          ? randomCondition(random)
          : Array.from({ length: 1 + Math.floor(random() * 9) }, () => {
              return pieces[Math.floor(random() * pieces.length)] ?? '';
            }).join(' ');
      const parsed = parseCel(text);
      const expected = theirText(text);
      if (!parsed.ok && isOurs(parsed.error.message)) continue;
      assert.equal(parsed.ok ? ours(parsed.value.tree) : undefined, expected, text);
      if (parsed.ok) both += 1;
    }
    assert.ok(both > 2000, `${both} texts were read by both`);
  });

  it('throws at no text, however it is mangled, and nothing it takes throws when checked and run', () => {
    const random = seeded(7);
    const pick = (count: number) => Math.floor(random() * count);
    let taken = 0;
    for (let round = 0; round < 20_000; round += 1) {
      let text = randomCondition(random);
      for (let change = 1 + pick(4); change > 0; change -= 1) text = mangled(text, pick);
      const parsed = parseCel(text);
      if (!parsed.ok) {
        const { offset, length } = parsed.error;
        assert.ok(offset >= 0 && length >= 0 && offset + length <= text.length, text);
        continue;
      }
      const checked = checkCel(parsed.value, randomVariables);
      if (!checked.ok) continue;
      taken += 1;
      compileCel(checked.value.expr)(celUnknown);
    }
    assert.ok(taken > 200, `${taken} mangled texts were conditions`);
  });
});

function mangled(text: string, pick: (count: number) => number): string {
  const at = pick(text.length + 1);
  const other = pick(text.length + 1);
  switch (pick(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + pick(3));
    case 1:
      return text.slice(0, at) + (pieces[pick(pieces.length)] ?? '') + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(other);
    case 3:
      return text.slice(0, at) + String.fromCharCode(pick(0x10000)) + text.slice(at);
    default:
      return text.slice(0, at) + text.slice(other, other + 10) + text.slice(at);
  }
}

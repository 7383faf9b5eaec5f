import { err, ok, type Result } from '../base/result.ts';
import { checkCall } from './check-call.ts';
import { checkName, checkSelect } from './check-name.ts';
import { checkBinary, checkUnary } from './check-operator.ts';
import { type CelScope, type Checked, give, problem, spanOf } from './check-scope.ts';
import { compileCel } from './compile.ts';
import type { CelExpr, CelLiteral } from './expr.ts';
import type { ParsedCel } from './parse.ts';
import type { CelProblem } from './problem.ts';
import type { CelTree } from './tree.ts';
import {
  boolType,
  type CelDeclarations,
  type CelType,
  dynType,
  fits,
  intType,
  joined,
  listType,
  mapType,
  typeText,
} from './type.ts';
import { celUnknown } from './value.ts';

export interface CheckedCel {
  readonly expr: CelExpr;
  readonly type: CelType;
  /** What the condition gives whatever the request is. */
  readonly constant?: boolean;
}

/** Resolves every name and types every part. All problems are told, the first ones of the text first. */
export function checkCel(
  parsed: ParsedCel,
  declarations: CelDeclarations,
): Result<CheckedCel, readonly CelProblem[]> {
  const scope: CelScope = { declarations, locals: [], problems: [], check };
  const { expr, type } = check(parsed.tree, scope);
  if (scope.problems.length === 0 && !fits(type, boolType))
    problem(scope, parsed.tree, `a condition is a bool, found ${typeText(type)}`, 'bool');
  const problems = scope.problems.toSorted((one, other) => one.offset - other.offset);
  return problems.length > 0 ? err(problems) : settled(expr, type);
}

/** Run with nothing known, only a condition that needs nothing gives a value or an error. */
function settled(expr: CelExpr, type: CelType): Result<CheckedCel, readonly CelProblem[]> {
  const outcome = compileCel(expr)(celUnknown);
  if (outcome.kind === 'error')
    return err([
      { offset: outcome.at, length: 1, message: `this always fails: ${outcome.message}` },
    ]);
  if (outcome.kind === 'unknown') return ok({ expr, type });
  return typeof outcome.value === 'boolean'
    ? ok({ expr, type, constant: outcome.value })
    : err([{ offset: 0, length: 1, message: 'a condition is a bool', expected: 'bool' }]);
}

function check(tree: CelTree, scope: CelScope): Checked {
  switch (tree.t) {
    case 'literal':
      return give(tree.literal, literalType(tree.literal));
    case 'name':
      return checkName(tree, scope);
    case 'select':
      return checkSelect(tree, scope);
    case 'index':
      return checkIndex(tree, scope);
    case 'call':
      return checkCall(tree, scope);
    case 'list':
      return checkList(tree, scope);
    case 'map':
      return checkMap(tree, scope);
    case 'unary':
      return checkUnary(tree, scope);
    case 'binary':
      return checkBinary(tree, scope);
    case 'chain':
      return checkChain(tree, scope);
    case 'if':
      return checkIf(tree, scope);
  }
}

function literalType(literal: CelLiteral): CelType {
  return { kind: literal.k };
}

/** A chain inside a chain of the same sign is one chain. */
function checkChain(tree: CelTree & { readonly t: 'chain' }, scope: CelScope): Checked {
  const k = tree.sign === '&&' ? 'and' : 'or';
  const terms = tree.terms.flatMap((term) => {
    const { expr, type } = check(term, scope);
    if (!fits(type, boolType))
      problem(scope, term, `\`${tree.sign}\` joins bools, found ${typeText(type)}`, 'bool');
    return expr.k === k ? expr.terms : [expr];
  });
  return give({ k, terms, ...spanOf(tree) }, boolType);
}

function checkIf(tree: CelTree & { readonly t: 'if' }, scope: CelScope): Checked {
  const test = check(tree.test, scope);
  if (!fits(test.type, boolType))
    problem(scope, tree.test, `\`?\` asks a bool, found ${typeText(test.type)}`, 'bool');
  const yes = check(tree.yes, scope);
  const no = check(tree.no, scope);
  if (!fits(no.type, yes.type)) {
    const types = `${typeText(yes.type)} and ${typeText(no.type)}`;
    problem(
      scope,
      tree.no,
      `both sides of \`:\` have one type, these are ${types}`,
      typeText(yes.type),
    );
  }
  const expr = { k: 'if', test: test.expr, yes: yes.expr, no: no.expr, ...spanOf(tree) } as const;
  return give(expr, joined(yes.type, no.type));
}

function checkList(tree: CelTree & { readonly t: 'list' }, scope: CelScope): Checked {
  const items = tree.items.map((item) => check(item, scope));
  const expr = { k: 'list', items: items.map((item) => item.expr), ...spanOf(tree) } as const;
  return give(expr, listType(common(items)));
}

function common(parts: readonly Checked[]): CelType {
  return (
    parts
      .map(({ type }) => type)
      .reduceRight<CelType | undefined>(
        (all, type) => (all === undefined ? type : joined(all, type)),
        undefined,
      ) ?? dynType
  );
}

const keyKinds = ['string', 'int', 'uint', 'bool', 'dyn'];

function checkMap(tree: CelTree & { readonly t: 'map' }, scope: CelScope): Checked {
  const entries = tree.entries.map(([keyTree, valueTree]) => {
    const key = check(keyTree, scope);
    if (!keyKinds.includes(key.type.kind))
      problem(scope, keyTree, `a ${typeText(key.type)} can not be a key of a map`, 'string');
    return [key, check(valueTree, scope)] as const;
  });
  const type = mapType(
    common(entries.map(([key]) => key)),
    common(entries.map(([, value]) => value)),
  );
  const pairs = entries.map(([key, value]) => [key.expr, value.expr] as const);
  return give({ k: 'map', entries: pairs, ...spanOf(tree) }, type);
}

function checkIndex(tree: CelTree & { readonly t: 'index' }, scope: CelScope): Checked {
  const of = check(tree.of, scope);
  const key = check(tree.key, scope);
  const wanted = keyType(of.type);
  if (wanted === undefined)
    problem(scope, tree.of, `a ${typeText(of.type)} has no elements`, 'a list or a map');
  else if (!fits(key.type, wanted))
    problem(
      scope,
      tree.key,
      `an element of a ${typeText(of.type)} is found by ${typeText(wanted)}, found ${typeText(key.type)}`,
      typeText(wanted),
    );
  const expr = { k: 'get', of: of.expr, key: key.expr, ...spanOf(tree) } as const;
  return give(expr, elementType(of.type));
}

function keyType(type: CelType): CelType | undefined {
  switch (type.kind) {
    case 'list':
      return intType;
    case 'map':
      return type.key;
    default:
      return type.kind === 'dyn' ? dynType : undefined;
  }
}

function elementType(type: CelType): CelType {
  return type.kind === 'list' ? type.of : type.kind === 'map' ? type.value : dynType;
}

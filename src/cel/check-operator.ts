import { type CelScope, type Checked, give, problem, spanOf, wrong } from './check-scope.ts';
import type { CelExpr, CelFunction, CelSpan } from './expr.ts';
import { type CelSignature, operatorSignatures } from './signatures.ts';
import type { CelTree } from './tree.ts';
import { boolType, type CelType, dynType, fits, joined, listType, typeText } from './type.ts';

type Binary = CelTree & { readonly t: 'binary' };

export function checkUnary(tree: CelTree & { readonly t: 'unary' }, scope: CelScope): Checked {
  const of = scope.check(tree.of, scope);
  if (tree.sign === '!') {
    if (!fits(of.type, boolType))
      problem(scope, tree.of, `\`!\` turns a bool, found ${typeText(of.type)}`, 'bool');
    return give({ k: 'not', of: of.expr, ...spanOf(tree) }, boolType);
  }
  const type = resultOf(operatorSignatures.neg, [of.type]);
  if (type === undefined)
    return problem(scope, tree, `\`-\` is not defined for ${typeText(of.type)}`, 'int or double');
  return call('neg', [of.expr], tree, type);
}

function call(fn: CelFunction, args: readonly CelExpr[], tree: CelSpan, type: CelType): Checked {
  return give({ k: 'call', fn, args, ...spanOf(tree) }, type);
}

export function checkBinary(tree: Binary, scope: CelScope): Checked {
  const left = scope.check(tree.left, scope);
  const right = scope.check(tree.right, scope);
  if (left === wrong || right === wrong) return wrong;
  switch (tree.sign) {
    case '==':
    case '!=':
      return checkSame(tree, left, right, scope);
    case 'in':
      return checkIn(tree, left, right, scope);
    default:
      return checkOperator(tree, tree.sign, left, right, scope);
  }
}

/** Equality asks for one type: `source.level == "3"` is a mistake, not false. */
function checkSame(tree: Binary, left: Checked, right: Checked, scope: CelScope): Checked {
  if (!fits(right.type, left.type)) {
    const types = `${typeText(left.type)} with ${typeText(right.type)}`;
    return problem(
      scope,
      tree.right,
      `\`${tree.sign}\` can not compare ${types}`,
      typeText(left.type),
    );
  }
  return call(tree.sign, [left.expr, right.expr], tree, boolType);
}

function checkIn(tree: Binary, left: Checked, right: Checked, scope: CelScope): Checked {
  const { type } = right;
  if (type.kind !== 'list' && type.kind !== 'map' && type.kind !== 'dyn')
    return problem(
      scope,
      tree.right,
      `\`in\` looks into a list or a map, found ${typeText(type)}`,
      'a list',
    );
  const element = type.kind === 'list' ? type.of : type.kind === 'map' ? type.key : dynType;
  if (!fits(left.type, element)) {
    const message = `a ${typeText(type)} has no ${typeText(left.type)}`;
    return problem(scope, tree.left, message, typeText(element));
  }
  return call('in', [left.expr, right.expr], tree, boolType);
}

function checkOperator(
  tree: Binary,
  sign: Exclude<Binary['sign'], '==' | '!=' | 'in'>,
  left: Checked,
  right: Checked,
  scope: CelScope,
): Checked {
  const signatures = operatorSignatures[sign];
  const type = resultOf(signatures, [left.type, right.type]);
  if (type === undefined) {
    const types = `${typeText(left.type)} and ${typeText(right.type)}`;
    const expected = expectedRight(signatures, left.type);
    return problem(scope, tree.right, `\`${sign}\` is not defined for ${types}`, expected);
  }
  const isConcat = sign === '+' && left.type.kind === 'list' && right.type.kind === 'list';
  return call(sign, [left.expr, right.expr], tree, isConcat ? concat(left.type, right.type) : type);
}

function concat(left: CelType, right: CelType): CelType {
  const type = joined(left, right);
  return type.kind === 'list' ? type : listType(dynType);
}

function expectedRight(signatures: readonly CelSignature[], left: CelType): string | undefined {
  const rights = signatures
    .filter(({ args: [wanted] }) => wanted !== undefined && fits(left, wanted))
    .flatMap(({ args: [, wanted] }) => (wanted === undefined ? [] : [typeText(wanted)]));
  return rights.length === 0 ? undefined : [...new Set(rights)].join(' or ');
}

/** What the signatures that fit have in common; undefined when none fits. */
export function resultOf(
  signatures: readonly CelSignature[],
  args: readonly CelType[],
): CelType | undefined {
  const results = signatures
    .filter((signature) => takes(signature, args))
    .map(({ result }) => result);
  const [first, ...others] = results;
  return first === undefined ? undefined : others.reduce(joined, first);
}

function takes(signature: CelSignature, args: readonly CelType[]): boolean {
  return (
    signature.args.length === args.length &&
    signature.args.every((wanted, index) => fits(args[index] ?? dynType, wanted))
  );
}

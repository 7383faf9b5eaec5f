import { nearestName } from '../base/nearest.ts';
import { checkHas } from './check-name.ts';
import { resultOf } from './check-operator.ts';
import { type CelScope, type Checked, give, problem, spanOf, wrong } from './check-scope.ts';
import { noNetwork, parseNetwork } from './cidr.ts';
import { compileCel } from './compile.ts';
import type { CelExpr, CelMacro } from './expr.ts';
import { compileRegex } from './regex.ts';
import { type CelFunctionShape, functionShapes } from './signatures.ts';
import { zoneOffset } from './time-zone.ts';
import type { CelTree } from './tree.ts';
import { boolType, type CelType, dynType, fits, listType, typeText } from './type.ts';
import { absent } from './value.ts';

type Call = CelTree & { readonly t: 'call' };

const macros: ReadonlyMap<string, CelMacro> = new Map([
  ['all', 'all'],
  ['exists', 'exists'],
  ['exists_one', 'exists_one'],
  ['existsOne', 'exists_one'],
  ['filter', 'filter'],
  ['map', 'map'],
]);

export function checkCall(tree: Call, scope: CelScope): Checked {
  const macro = tree.target === undefined ? undefined : macros.get(tree.fn.text);
  if (macro !== undefined && tree.target !== undefined)
    return checkMacro(tree, macro, tree.target, scope);
  if (tree.target === undefined && tree.fn.text === 'has') return checkHas(tree, scope);
  const shape = functionShapes.get(tree.fn.text);
  if (shape === undefined) return unknownFunction(tree, scope);
  const style = tree.target === undefined ? 'function' : 'method';
  if (shape.style !== 'both' && shape.style !== style) {
    const message = `\`${tree.fn.text}\` is not called like this`;
    return problem(scope, tree.fn, message, usage(tree.fn.text, shape));
  }
  return checkArguments(tree, shape, scope);
}

function unknownFunction(tree: Call, scope: CelScope): Checked {
  const name = tree.fn.text;
  const known = [...functionShapes.keys(), ...macros.keys(), 'has'];
  return problem(
    scope,
    tree.fn,
    `there is no function \`${name}\``,
    undefined,
    nearestName(name, known),
  );
}

/** `text.startsWith(string)`. */
function usage(name: string, { style, signatures }: CelFunctionShape): string {
  const texts = signatures.map(({ args }) => {
    const [first = '', ...others] = args.map(typeText);
    return style === 'function'
      ? `${name}(${[first, ...others].join(', ')})`
      : `${first}.${name}(${others.join(', ')})`;
  });
  return texts.join(' or ');
}

function checkArguments(
  tree: Call,
  shape: CelFunctionShape & { readonly fn: (CelExpr & { k: 'call' })['fn'] },
  scope: CelScope,
): Checked {
  const trees = tree.target === undefined ? tree.args : [tree.target, ...tree.args];
  const args = trees.map((arg) => scope.check(arg, scope));
  if (args.includes(wrong)) return wrong;
  const types = args.map(({ type }) => type);
  const type = resultOf(shape.signatures, types);
  if (type === undefined) return wrongArguments(tree, trees, types, shape, scope);
  const expr = {
    k: 'call',
    fn: shape.fn,
    args: args.map((arg) => arg.expr),
    ...spanOf(tree),
  } as const;
  return checkLiterals(expr, trees, scope) ?? give(expr, type);
}

/** Points at the one argument that fits no signature, or else at the call. */
function wrongArguments(
  tree: Call,
  trees: readonly CelTree[],
  types: readonly CelType[],
  shape: CelFunctionShape,
  scope: CelScope,
): Checked {
  const candidates = shape.signatures.filter(({ args }) => args.length === types.length);
  const name = tree.fn.text;
  if (candidates.length === 0) {
    const message = `\`${name}\` does not take ${types.length} arguments`;
    return problem(scope, tree.fn, message, usage(name, shape));
  }
  const at = types.findIndex((type, index) =>
    candidates.every(({ args }) => !fits(type, args[index] ?? dynType)),
  );
  const place = trees[at] ?? tree;
  const shown = types.map(typeText).join(' and ');
  return problem(scope, place, `\`${name}\` is not defined for ${shown}`, usage(name, shape));
}

/** Mistakes inside what is written down: a pattern, a network, a time zone, a time. */
function checkLiterals(
  expr: CelExpr & { readonly k: 'call' },
  trees: readonly CelTree[],
  scope: CelScope,
): Checked | undefined {
  const [, second] = expr.args;
  const place = trees[1];
  if (second !== undefined && place !== undefined) {
    const fault = secondFault(expr.fn, second);
    if (fault !== undefined) return problem(scope, place, fault.message, fault.expected);
  }
  const isLiteral = expr.args.every(({ k }) => k === 'string' || k === 'int' || k === 'double');
  const outcome = isLiteral ? compileCel(expr)(() => absent) : undefined;
  return outcome?.kind === 'error' ? problem(scope, expr, outcome.message) : undefined;
}

interface LiteralFault {
  readonly message: string;
  readonly expected?: string;
}

function secondFault(fn: string, second: CelExpr): LiteralFault | undefined {
  if (fn === 'matches') return patternFault(second);
  if (second.k !== 'string') return undefined;
  if (fn === 'inCidr')
    return parseNetwork(second.v) === undefined ? { message: noNetwork.message } : undefined;
  const isZone = fn.startsWith('get') && zoneOffset(second.v, 0) === undefined;
  return isZone ? zoneFault(second.v) : undefined;
}

function zoneFault(zone: string): LiteralFault {
  const nearest = nearestName(zone, Intl.supportedValuesOf('timeZone'));
  const expected = nearest === undefined ? undefined : `"${nearest}"`;
  return { message: `\`${zone}\` is no time zone`, ...(expected && { expected }) };
}

/** A pattern out of a request could be made to cost as much as one likes to compile. */
function patternFault(pattern: CelExpr): LiteralFault | undefined {
  if (pattern.k !== 'string')
    return { message: 'the pattern of `matches` is written down', expected: 'a string in quotes' };
  const regex = compileRegex(pattern.v);
  return regex.ok ? undefined : { message: `the pattern can not be read: ${regex.error}` };
}

function checkMacro(tree: Call, macro: CelMacro, target: CelTree, scope: CelScope): Checked {
  const over = scope.check(target, scope);
  const [variable, ...parts] = tree.args;
  const most = macro === 'map' ? 2 : 1;
  if (variable?.t !== 'name' || parts.length === 0 || parts.length > most) {
    const expected = `${macro}(x, …)`;
    return problem(scope, tree.fn, `\`${macro}\` takes a new name and what to ask of it`, expected);
  }
  if (over === wrong) return wrong;
  const element = elementOf(over.type);
  if (element === undefined) {
    const message = `\`${macro}\` goes through a list or a map, found ${typeText(over.type)}`;
    return problem(scope, target, message, 'a list');
  }
  const inner = { ...scope, locals: [...scope.locals, { name: variable.name, type: element }] };
  const checked = parts.map((part) => scope.check(part, inner));
  const [first, second] = checked;
  if (first === undefined || checked.includes(wrong)) return wrong;
  const asksBool = macro !== 'map' || second !== undefined;
  if (asksBool && !fits(first.type, boolType)) {
    const message = `\`${macro}\` asks a bool of each, found ${typeText(first.type)}`;
    return problem(scope, parts[0] ?? tree, message, 'bool');
  }
  const body = second ?? first;
  return give(
    {
      k: 'loop',
      macro,
      over: over.expr,
      slot: scope.locals.length,
      name: variable.name,
      ...(second !== undefined && { test: first.expr }),
      body: body.expr,
      ...spanOf(tree),
    },
    resultOfMacro(macro, element, body.type),
  );
}

function elementOf(type: CelType): CelType | undefined {
  if (type.kind === 'list') return type.of;
  if (type.kind === 'map') return type.key;
  return type.kind === 'dyn' ? dynType : undefined;
}

function resultOfMacro(macro: CelMacro, element: CelType, body: CelType): CelType {
  switch (macro) {
    case 'all':
    case 'exists':
    case 'exists_one':
      return boolType;
    case 'filter':
      return listType(element);
    case 'map':
      return listType(body);
  }
}

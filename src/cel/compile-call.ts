import { addressIn, parseNetwork } from './cidr.ts';
import { isIn } from './compare.ts';
import type { CompileCel, CompiledCel } from './compile.ts';
import type { CelExpr } from './expr.ts';
import { type CelCode, type CelFrame, celError, isFailure, isFault, merged } from './frame.ts';
import { binaryFunction, type FunctionAnswer, unaryFunction } from './functions.ts';
import { isList, noOverload } from './kind.ts';
import { literalValue } from './literal.ts';
import { compileRegex } from './regex.ts';
import { split } from './text.ts';
import type { CelFailure, CelValue } from './value.ts';

type Call = CelExpr & { readonly k: 'call' };

export function compileCall(expr: Call, compile: CompileCel): CompiledCel {
  const args = expr.args.map(compile);
  return {
    code: quickCode(expr, args) ?? strictCode(expr, args),
    reads: args.some(({ reads }) => reads),
    lowestSlot: Math.min(...args.map(({ lowestSlot }) => lowestSlot)),
  };
}

/** Every argument must have a value. */
function strictCode(expr: Call, args: readonly CompiledCel[]): CelCode {
  const [first, second, third] = args.map(({ code }) => code);
  if (first !== undefined && second === undefined) {
    const run = unaryFunction(expr.fn);
    if (run !== undefined) return unaryCode(first, run, expr.at);
  }
  if (first !== undefined && second !== undefined && third === undefined) {
    const run = binaryFunction(expr.fn);
    if (run !== undefined) return binaryCode(first, second, run, expr.at);
  }
  if (first !== undefined && second !== undefined && third !== undefined && expr.fn === 'split')
    return splitCode(first, second, third, expr.at);
  throw new Error(`no function ${expr.fn} of ${args.length} arguments`);
}

function placed(answer: FunctionAnswer, at: number): CelValue | CelFailure {
  return isFault(answer) ? celError(answer.message, at) : answer;
}

function unaryCode(
  of: CelCode,
  run: (value: CelValue, frame: CelFrame) => FunctionAnswer,
  at: number,
): CelCode {
  return (read, frame) => {
    const value = of(read, frame);
    return isFailure(value) ? value : placed(run(value, frame), at);
  };
}

type Binary = (left: CelValue, right: CelValue, frame: CelFrame) => FunctionAnswer;

function binaryCode(left: CelCode, right: CelCode, run: Binary, at: number): CelCode {
  return (read, frame) => {
    const one = left(read, frame);
    const other = right(read, frame);
    if (isFailure(one)) return isFailure(other) ? merged(one, other) : one;
    return isFailure(other) ? other : placed(run(one, other, frame), at);
  };
}

function splitCode(text: CelCode, separator: CelCode, limit: CelCode, at: number): CelCode {
  return (read, frame) => {
    const values = [text(read, frame), separator(read, frame), limit(read, frame)];
    const failure = values
      .filter((value) => isFailure(value as CelValue))
      .reduce<CelFailure | undefined>((all, value) => merged(all, value as CelFailure), undefined);
    if (failure !== undefined) return failure;
    const [one = null, two = null, three = null] = values as CelValue[];
    return placed(split(one, two, three, frame), at);
  };
}

/** Forms that rules are full of, without what other types would need; undefined for any other. */
function quickCode(expr: Call, args: readonly CompiledCel[]): CelCode | undefined {
  const [left, right] = args;
  if (left === undefined || right === undefined || args.length !== 2) return undefined;
  switch (expr.fn) {
    case '==':
    case '!=':
      return sameCode(expr.fn === '==', left.code, right, expr);
    case 'in':
      return inListCode(left.code, right, expr.at);
    case 'startsWith':
    case 'endsWith':
      return edgeCode(expr.fn, left.code, right.code, expr.at);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return orderCode(expr.fn, left.code, right.code, expr.at);
    case 'matches':
      return matchesCode(left.code, expr);
    case 'inCidr':
      return inCidrCode(left.code, expr);
    default:
      return undefined;
  }
}

/** The value of a part that reads nothing; undefined when it has none. */
function fixedValue(part: CompiledCel): CelValue | undefined {
  if (part.reads || part.lowestSlot !== Number.POSITIVE_INFINITY) return undefined;
  const value = part.code(() => null, { stepsLeft: 0, locals: [] });
  return isFailure(value) ? undefined : value;
}

function sameCode(
  same: boolean,
  left: CelCode,
  right: CompiledCel,
  expr: Call,
): CelCode | undefined {
  const run = binaryFunction(expr.fn);
  const constant = fixedValue(right);
  if (run === undefined || !isPlain(constant)) return undefined;
  return (read, frame) => {
    const value = left(read, frame);
    if (typeof value === typeof constant) return (value === constant) === same;
    return isFailure(value) ? value : placed(run(value, constant, frame), expr.at);
  };
}

/** Strings, bools and the ints that are numbers: equal exactly when they are the same. */
function isPlain(value: CelValue | undefined): value is string | boolean | number {
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number';
}

function inListCode(left: CelCode, right: CompiledCel, at: number): CelCode | undefined {
  const list = fixedValue(right);
  if (list === undefined || !isList(list) || !list.every(isPlain)) return undefined;
  const known: ReadonlySet<CelValue> = new Set(list);
  return (read, frame) => {
    const value = left(read, frame);
    if (isPlain(value as CelValue)) return known.has(value as CelValue);
    return isFailure(value) ? value : placed(isIn(value, list, frame), at);
  };
}

function edgeCode(
  fn: 'startsWith' | 'endsWith',
  left: CelCode,
  right: CelCode,
  at: number,
): CelCode {
  const slow = (one: CelValue | CelFailure, other: CelValue | CelFailure) => {
    if (isFailure(one)) return isFailure(other) ? merged(one, other) : one;
    return isFailure(other) ? other : celError(noOverload(fn, one, other).message, at);
  };
  const isStart = fn === 'startsWith';
  return (read, frame) => {
    const one = left(read, frame);
    const other = right(read, frame);
    if (typeof one !== 'string' || typeof other !== 'string') return slow(one, other);
    return isStart ? one.startsWith(other) : one.endsWith(other);
  };
}

type OrderSign = '<' | '<=' | '>' | '>=';

/** Numbers here are ints; a double is marked. */
const orders: Readonly<Record<OrderSign, (left: number, right: number) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

function orderCode(fn: OrderSign, left: CelCode, right: CelCode, at: number): CelCode | undefined {
  const holds = orders[fn];
  const run = binaryFunction(fn);
  if (run === undefined) return undefined;
  return (read, frame) => {
    const one = left(read, frame);
    const other = right(read, frame);
    if (typeof one === 'number' && typeof other === 'number') return holds(one, other);
    if (isFailure(one)) return isFailure(other) ? merged(one, other) : one;
    return isFailure(other) ? other : placed(run(one, other, frame), at);
  };
}

/** The checker lets only a literal through, whose program is bounded. */
function matchesCode(left: CelCode, expr: Call): CelCode {
  const pattern = expr.args[1];
  if (pattern?.k !== 'string') throw new Error('the pattern of matches is a literal');
  const regex = compileRegex(pattern.v);
  if (!regex.ok) return () => celError(`the pattern can not be read: ${regex.error}`, expr.at);
  return (read, frame) => {
    const text = left(read, frame);
    if (typeof text === 'string') return placed(regex.value(text, frame), expr.at);
    return isFailure(text) ? text : celError(noOverload('matches', text).message, expr.at);
  };
}

/** A network that is written down is read once. */
function inCidrCode(left: CelCode, expr: Call): CelCode | undefined {
  const literal = expr.args[1];
  const network = literal?.k === 'string' ? parseNetwork(String(literalValue(literal))) : undefined;
  if (network === undefined) return undefined;
  return (read, frame) => {
    const address = left(read, frame);
    if (typeof address === 'string') return placed(addressIn(address, network), expr.at);
    return isFailure(address) ? address : celError(noOverload('inCidr', address).message, expr.at);
  };
}

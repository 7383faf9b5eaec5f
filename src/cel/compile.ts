import { entryOf, isValue, plainKey } from './compare.ts';
import { compileCall } from './compile-call.ts';
import { compileLoop } from './compile-loop.ts';
import type { CelExpr, CelFunction, CelSpan } from './expr.ts';
import { type CelCode, type CelFrame, celError, isFailure, merged, notBool } from './frame.ts';
import { isList, isMap, kindOf, noOverload } from './kind.ts';
import { stepsMax } from './limits.ts';
import { literalValue } from './literal.ts';
import {
  absent,
  type CelFailure,
  type CelKey,
  type CelMap,
  type CelOutcome,
  type CelProgram,
  type CelRead,
  type CelValue,
} from './value.ts';

const trueOutcome: CelOutcome = Object.freeze({ kind: 'value', value: true });
const falseOutcome: CelOutcome = Object.freeze({ kind: 'value', value: false });

/** A part as closures. */
export interface CompiledCel {
  readonly code: CelCode;
  /** Reads a variable. */
  readonly reads: boolean;
  /** The outermost slot of a macro that it reads; infinite when it reads none. */
  readonly lowestSlot: number;
}

export type CompileCel = (expr: CelExpr) => CompiledCel;

/**
 * Makes closures once, so that running a condition allocates next to nothing. Errors and unknowns go as the specification of
 * CEL has it: `&&` and `||` give a value wherever one side settles it, in either order; elsewhere what is unknown outweighs
 * errors.
 */
export function compileCel(expr: CelExpr): CelProgram {
  const { code } = compilePart(expr);
  if (!isHeavy(expr)) return (read) => outcomeOf(code(read, lightFrame));
  return (read) => outcomeOf(code(read, newFrame()));
}

function outcomeOf(result: CelValue | CelFailure): CelOutcome {
  if (result === true) return trueOutcome;
  if (result === false) return falseOutcome;
  return isFailure(result) ? result : { kind: 'value', value: result };
}

function newFrame(): CelFrame {
  return { stepsLeft: stepsMax, locals: [] };
}

/** For conditions whose work is bounded by their own size and that of what they read. */
const lightFrame: CelFrame = { stepsLeft: Number.POSITIVE_INFINITY, locals: [] };

const heavyFunctions: ReadonlySet<CelFunction> = new Set([
  'matches',
  'contains',
  'split',
  'lowerAscii',
  'upperAscii',
]);

function isHeavy(expr: CelExpr): boolean {
  if (expr.k === 'loop') return true;
  if (expr.k === 'call' && heavyFunctions.has(expr.fn)) return true;
  return partsOf(expr).some(isHeavy);
}

export function partsOf(expr: CelExpr): readonly CelExpr[] {
  switch (expr.k) {
    case 'hasKey':
    case 'not':
      return [expr.of];
    case 'get':
      return [expr.of, expr.key];
    case 'call':
      return expr.args;
    case 'and':
    case 'or':
      return expr.terms;
    case 'if':
      return [expr.test, expr.yes, expr.no];
    case 'list':
      return expr.items;
    case 'map':
      return expr.entries.flat();
    case 'loop':
      return expr.test === undefined ? [expr.over, expr.body] : [expr.over, expr.test, expr.body];
    default:
      return [];
  }
}

/** What is the same for every request is computed here, once. */
function compilePart(expr: CelExpr): CompiledCel {
  const part = compileNode(expr);
  const isFixed = !part.reads && part.lowestSlot === Number.POSITIVE_INFINITY;
  if (!isFixed) return part;
  const value = part.code(readNothing, newFrame());
  return fixed(value);
}

const readNothing: CelRead = () => {
  throw new Error('a constant reads no variable');
};

function fixed(value: CelValue | CelFailure): CompiledCel {
  return { code: () => value, reads: false, lowestSlot: Number.POSITIVE_INFINITY };
}

function compileNode(expr: CelExpr): CompiledCel {
  switch (expr.k) {
    case 'var':
      return { ...fixed(null), code: readCode(expr.name, expr.at), reads: true };
    case 'has':
      return { ...fixed(null), code: hasCode(expr.name), reads: true };
    case 'local': {
      const { slot } = expr;
      return { code: (_, frame) => frame.locals[slot] ?? null, reads: false, lowestSlot: slot };
    }
    case 'loop':
      return compileLoop(expr, compilePart);
    case 'call':
      return compileCall(expr, compilePart);
    case 'hasKey':
      return around([expr.of], ([of = none]) => hasKeyCode(of, expr.key, expr.at));
    case 'get':
      return around([expr.of, expr.key], ([of = none, key = none]) => getCode(of, key, expr.at));
    case 'and':
    case 'or':
      return around(expr.terms, (terms) => settledCode(expr.k === 'or', terms, expr.terms));
    case 'not':
      return around([expr.of], ([of = none]) => notCode(of, expr.at));
    case 'if':
      return around([expr.test, expr.yes, expr.no], ([test = none, yes = none, no = none]) =>
        ifCode(test, yes, no, expr.at),
      );
    case 'list':
      return around(expr.items, listCode);
    case 'map':
      return around(expr.entries.flat(), (parts) => mapCode(parts, expr.at));
    default:
      return fixed(literalValue(expr));
  }
}

function around(
  parts: readonly CelExpr[],
  codeOf: (codes: readonly CelCode[]) => CelCode,
): CompiledCel {
  const compiled = parts.map(compilePart);
  const codes = compiled.map(({ code }) => code);
  return {
    code: codeOf(codes),
    reads: compiled.some(({ reads }) => reads),
    lowestSlot: Math.min(...compiled.map(({ lowestSlot }) => lowestSlot), Number.POSITIVE_INFINITY),
  };
}

/** Stands where a destructured code could be missing, which none is. */
const none: CelCode = () => {
  throw new Error('a part has no code');
};

function readCode(name: string, at: number): CelCode {
  const missing = celError(`${name} is not there`, at);
  return (read) => {
    const value = read(name);
    if (typeof value !== 'object') return value === absent ? missing : (value as CelValue);
    if (value === null || !('kind' in value)) return value;
    return value.kind === 'fault' ? celError(`${name}: ${value.message}`, at) : value;
  };
}

/** What is there but not to be used is there. */
function hasCode(name: string): CelCode {
  return (read) => {
    const value = read(name);
    if (value === absent) return false;
    const unknown = typeof value === 'object' && value !== null && 'kind' in value;
    return unknown && value.kind === 'unknown' ? value : true;
  };
}

function hasKeyCode(of: CelCode, key: string, at: number): CelCode {
  return (read, frame) => {
    const map = of(read, frame);
    if (isFailure(map)) return map;
    return isMap(map) ? map.has(key) : celError(`a ${kindOf(map)} has no fields`, at);
  };
}

function getCode(of: CelCode, keyCode: CelCode, at: number): CelCode {
  return (read, frame) => {
    const container = of(read, frame);
    const key = keyCode(read, frame);
    if (isFailure(container)) return isFailure(key) ? merged(container, key) : container;
    if (isFailure(key)) return key;
    if (isMap(container)) return valueAt(container, key, at);
    return isList(container)
      ? elementAt(container, key, at)
      : celError(noOverload('[]', container, key).message, at);
  };
}

function valueAt(map: CelMap, key: CelValue, at: number): CelValue | CelFailure {
  const entry = entryOf(map, key);
  if (entry === undefined) return celError(`there is no ${keyText(key)}`, at);
  if (isValue(entry)) return entry;
  return entry.kind === 'fault' ? celError(`${keyText(key)}: ${entry.message}`, at) : entry;
}

/** Keys come from requests, too: no more of one than a line holds. */
function keyText(key: CelValue): string {
  const plain = plainKey(key);
  return typeof plain === 'string' ? `\`${plain.slice(0, 64)}\`` : `key ${String(plain)}`;
}

function elementAt(list: readonly CelValue[], key: CelValue, at: number): CelValue | CelFailure {
  const index = plainKey(key);
  const element = typeof index === 'number' ? list[index] : undefined;
  if (element !== undefined) return element;
  const wanted = typeof index === 'string' ? kindOf(key) : String(index);
  return celError(`a list of ${list.length} has no element ${wanted}`, at);
}

/** `&&`, or `||` with `settling` true: the first term with that value settles it, whatever the others are. */
function settledCode(
  settling: boolean,
  terms: readonly CelCode[],
  exprs: readonly CelExpr[],
): CelCode {
  const [first, second] = terms;
  const slow = (values: readonly (CelValue | CelFailure)[]) =>
    values.reduce<CelFailure | undefined>((failure, value, index) => {
      const next = unsettled(value, exprs[index]);
      return next === undefined ? failure : merged(failure, next);
    }, undefined) ?? !settling;
  if (terms.length === 2 && first !== undefined && second !== undefined)
    return (read, frame) => {
      const left = first(read, frame);
      if (left === settling) return settling;
      const right = second(read, frame);
      if (right === settling) return settling;
      return left === !settling && right === !settling ? !settling : slow([left, right]);
    };
  return (read, frame) => {
    let values: (CelValue | CelFailure)[] | undefined;
    for (let index = 0; index < terms.length; index += 1) {
      const value = terms[index]?.(read, frame) ?? null;
      if (value === settling) return settling;
      if (value === !settling) continue;
      values ??= [];
      values[index] = value;
    }
    return values === undefined ? !settling : slow(values);
  };
}

/** What stands in the way of a value; undefined for a bool. */
function unsettled(
  value: CelValue | CelFailure,
  expr: (CelExpr & Partial<CelSpan>) | undefined,
): CelFailure | undefined {
  if (typeof value === 'boolean') return undefined;
  return isFailure(value) ? value : notBool(value, expr?.at ?? 0);
}

function notCode(of: CelCode, at: number): CelCode {
  return (read, frame) => {
    const value = of(read, frame);
    if (typeof value === 'boolean') return !value;
    return isFailure(value) ? value : notBool(value, at);
  };
}

function ifCode(test: CelCode, yes: CelCode, no: CelCode, at: number): CelCode {
  return (read, frame) => {
    const value = test(read, frame);
    if (value === true) return yes(read, frame);
    if (value === false) return no(read, frame);
    return isFailure(value) ? value : notBool(value, at);
  };
}

function listCode(items: readonly CelCode[]): CelCode {
  return (read, frame) => {
    let failure: CelFailure | undefined;
    const values: CelValue[] = [];
    for (const item of items) {
      const value = item(read, frame);
      if (isFailure(value)) failure = merged(failure, value);
      else values.push(value);
    }
    return failure ?? values;
  };
}

/** Keys and values in turn. */
function mapCode(parts: readonly CelCode[], at: number): CelCode {
  const list = listCode(parts);
  return (read, frame) => {
    const values = list(read, frame);
    return isFailure(values) || !isList(values) ? values : mapOf(values, at);
  };
}

function mapOf(parts: readonly CelValue[], at: number): CelValue | CelFailure {
  const entries = new Map<string | boolean | number | bigint, CelValue>();
  const keys: CelKey[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const key = parts[index] ?? null;
    const plain = plainKey(key);
    if (plain === undefined) return celError(`a ${kindOf(key)} can not be a key`, at);
    if (entries.has(plain)) return celError(`${keyText(key)} comes twice`, at);
    entries.set(plain, parts[index + 1] ?? null);
    keys.push(key as CelKey);
  }
  return {
    size: entries.size,
    has: (key) => entries.has(key),
    get: (key) => entries.get(key),
    keys: () => keys,
  };
}

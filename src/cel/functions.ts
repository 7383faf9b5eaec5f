import { inCidr } from './cidr.ts';
import { compare, equal, isIn } from './compare.ts';
import { convert } from './convert.ts';
import type { CelFunction } from './expr.ts';
import type { CelAnswer, CelFrame } from './frame.ts';
import { noOverload } from './kind.ts';
import { arithmetic, negated } from './number.ts';
import { concatenated, contains, lowerAscii, sizeOf, split, upperAscii } from './text.ts';
import { timeArithmetic } from './time.ts';
import { timePart } from './time-parts.ts';
import type { CelUnknown, CelValue } from './value.ts';

/** What a function gives for values; only `==` of maps that were handed in can meet what is unknown. */
export type FunctionAnswer = CelAnswer | CelUnknown;

type Unary = (value: CelValue, frame: CelFrame) => FunctionAnswer;
type Binary = (left: CelValue, right: CelValue, frame: CelFrame) => FunctionAnswer;

/** `matches` is none of these: its pattern is compiled with the condition. */
type UnaryFunction = keyof typeof unaryFunctions;
type BinaryFunction = keyof typeof binaryFunctions;

const unaryFunctions = {
  neg: negated,
  size: sizeOf,
  lowerAscii,
  upperAscii,
  int: (value) => convert('int', value),
  uint: (value) => convert('uint', value),
  double: (value) => convert('double', value),
  string: (value) => convert('string', value),
  bytes: (value) => convert('bytes', value),
  bool: (value) => convert('bool', value),
  dyn: (value) => value,
  timestamp: (value) => convert('timestamp', value),
  duration: (value) => convert('duration', value),
  getFullYear: (time) => timePart('getFullYear', time, undefined),
  getMonth: (time) => timePart('getMonth', time, undefined),
  getDate: (time) => timePart('getDate', time, undefined),
  getDayOfMonth: (time) => timePart('getDayOfMonth', time, undefined),
  getDayOfWeek: (time) => timePart('getDayOfWeek', time, undefined),
  getDayOfYear: (time) => timePart('getDayOfYear', time, undefined),
  getHours: (time) => timePart('getHours', time, undefined),
  getMinutes: (time) => timePart('getMinutes', time, undefined),
  getSeconds: (time) => timePart('getSeconds', time, undefined),
  getMilliseconds: (time) => timePart('getMilliseconds', time, undefined),
} as const satisfies Partial<Record<CelFunction, Unary>>;

const binaryFunctions = {
  '==': equal,
  '!=': (left, right, frame) => {
    const same = equal(left, right, frame);
    return typeof same === 'boolean' ? !same : same;
  },
  '<': (left, right) => ordered(compare(left, right, '<'), (order) => order < 0),
  '<=': (left, right) => ordered(compare(left, right, '<='), (order) => order <= 0),
  '>': (left, right) => ordered(compare(left, right, '>'), (order) => order > 0),
  '>=': (left, right) => ordered(compare(left, right, '>='), (order) => order >= 0),
  '+': (left, right, frame) =>
    arithmetic('+', left, right) ??
    concatenated(left, right, frame) ??
    timeArithmetic('+', left, right) ??
    noOverload('+', left, right),
  '-': (left, right) =>
    arithmetic('-', left, right) ??
    timeArithmetic('-', left, right) ??
    noOverload('-', left, right),
  '*': (left, right) => arithmetic('*', left, right) ?? noOverload('*', left, right),
  '/': (left, right) => arithmetic('/', left, right) ?? noOverload('/', left, right),
  '%': (left, right) => arithmetic('%', left, right) ?? noOverload('%', left, right),
  in: isIn,
  startsWith: (text, start) =>
    typeof text === 'string' && typeof start === 'string'
      ? text.startsWith(start)
      : noOverload('startsWith', text, start),
  endsWith: (text, end) =>
    typeof text === 'string' && typeof end === 'string'
      ? text.endsWith(end)
      : noOverload('endsWith', text, end),
  contains,
  split: (text, separator, frame) => split(text, separator, -1, frame),
  inCidr,
  getFullYear: (time, zone) => timePart('getFullYear', time, zone),
  getMonth: (time, zone) => timePart('getMonth', time, zone),
  getDate: (time, zone) => timePart('getDate', time, zone),
  getDayOfMonth: (time, zone) => timePart('getDayOfMonth', time, zone),
  getDayOfWeek: (time, zone) => timePart('getDayOfWeek', time, zone),
  getDayOfYear: (time, zone) => timePart('getDayOfYear', time, zone),
  getHours: (time, zone) => timePart('getHours', time, zone),
  getMinutes: (time, zone) => timePart('getMinutes', time, zone),
  getSeconds: (time, zone) => timePart('getSeconds', time, zone),
  getMilliseconds: (time, zone) => timePart('getMilliseconds', time, zone),
} as const satisfies Partial<Record<CelFunction, Binary>>;

function ordered<F>(order: number | F, holds: (order: number) => boolean): boolean | F {
  return typeof order === 'number' ? holds(order) : order;
}

export function unaryFunction(fn: CelFunction): Unary | undefined {
  return Object.hasOwn(unaryFunctions, fn) ? unaryFunctions[fn as UnaryFunction] : undefined;
}

export function binaryFunction(fn: CelFunction): Binary | undefined {
  return Object.hasOwn(binaryFunctions, fn) ? binaryFunctions[fn as BinaryFunction] : undefined;
}

import type { CelAnswer } from './frame.ts';
import { isDouble, isUint, noOverload } from './kind.ts';
import { type CelFault, type CelUint, type CelValue, celDouble } from './value.ts';

const intMax = 2n ** 63n - 1n;
const intMin = -(2n ** 63n);
const uintMax = 2n ** 64n - 1n;

type ArithmeticSign = '+' | '-' | '*' | '/' | '%';

const overflow: CelFault = { kind: 'fault', message: 'the result does not fit into 64 bits' };
const zeroDivisor: CelFault = { kind: 'fault', message: 'division by zero' };

/** An int in the one form that a value has; undefined when it does not fit. */
export function intOf(value: bigint): number | bigint | undefined {
  if (value > intMax || value < intMin) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function uintOf(value: bigint): CelUint | undefined {
  return value < 0n || value > uintMax ? undefined : { kind: 'uint', value };
}

export function isInt(value: CelValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Any of the three kinds of numbers as one that compares with the others without loss. */
export function magnitude(value: CelValue): number | bigint | undefined {
  if (isInt(value)) return value;
  return isUint(value) || isDouble(value) ? value.value : undefined;
}

/** Undefined when these are no two numbers of one kind. */
export function arithmetic(
  sign: ArithmeticSign,
  left: CelValue,
  right: CelValue,
): CelAnswer | undefined {
  if (typeof left === 'number' && typeof right === 'number') return smallInts(sign, left, right);
  if (isInt(left) && isInt(right)) return ints(sign, BigInt(left), BigInt(right));
  if (isUint(left) && isUint(right)) {
    const result = bigResult(sign, left.value, right.value);
    return typeof result === 'bigint' ? (uintOf(result) ?? overflow) : result;
  }
  if (isDouble(left) && isDouble(right)) return doubles(sign, left.value, right.value);
  return undefined;
}

/** `+ 0` makes 0 of -0, which no int is. */
function smallInts(sign: ArithmeticSign, left: number, right: number): CelAnswer {
  if (right === 0 && (sign === '/' || sign === '%')) return zeroDivisor;
  const result = smallResult(sign, left, right) + 0;
  return Number.isSafeInteger(result) ? result : ints(sign, BigInt(left), BigInt(right));
}

/** `%` of numbers is exact, so what is left of the division is, too. */
function smallResult(sign: ArithmeticSign, left: number, right: number): number {
  switch (sign) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return (left - (left % right)) / right;
    case '%':
      return left % right;
  }
}

function ints(sign: ArithmeticSign, left: bigint, right: bigint): CelAnswer {
  const result = bigResult(sign, left, right);
  return typeof result === 'bigint' ? (intOf(result) ?? overflow) : result;
}

function bigResult(sign: ArithmeticSign, left: bigint, right: bigint): bigint | CelFault {
  switch (sign) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? zeroDivisor : left / right;
    case '%':
      return right === 0n ? zeroDivisor : left % right;
  }
}

function doubles(sign: ArithmeticSign, left: number, right: number): CelAnswer | undefined {
  switch (sign) {
    case '+':
      return celDouble(left + right);
    case '-':
      return celDouble(left - right);
    case '*':
      return celDouble(left * right);
    case '/':
      return celDouble(left / right);
    case '%':
      return undefined;
  }
}

export function negated(value: CelValue): CelAnswer {
  if (typeof value === 'number') return 0 - value;
  if (typeof value === 'bigint') return intOf(-value) ?? overflow;
  return isDouble(value) ? celDouble(-value.value) : noOverload('-', value);
}

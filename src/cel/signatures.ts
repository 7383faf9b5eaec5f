import type { CelFunction } from './expr.ts';
import { boolType, type CelType, dynType, intType, listType, mapType, stringType } from './type.ts';

/** One way to call a function. A parameter `of` stands for one type throughout. */
export interface CelSignature {
  readonly args: readonly CelType[];
  readonly result: CelType;
}

/** How a function may be written: `x.f(y)`, `f(x, y)`, or both. */
type CelStyle = 'method' | 'function' | 'both';

export interface CelFunctionShape {
  readonly style: CelStyle;
  readonly signatures: readonly CelSignature[];
}

const uint: CelType = { kind: 'uint' };
const double: CelType = { kind: 'double' };
const bytes: CelType = { kind: 'bytes' };
const timestamp: CelType = { kind: 'timestamp' };
const duration: CelType = { kind: 'duration' };
const anyList = listType(dynType);
const anyMap = mapType(dynType, dynType);

function signature(result: CelType, ...args: readonly CelType[]): CelSignature {
  return { args, result };
}

function same(...types: readonly CelType[]): readonly CelSignature[] {
  return types.map((type) => signature(type, type, type));
}

const numbers = [intType, uint, double];

/** Values of one type can be put in order, and numbers of all three. */
const comparisons: readonly CelSignature[] = [
  ...[boolType, stringType, bytes, timestamp, duration].map((type) =>
    signature(boolType, type, type),
  ),
  ...numbers.flatMap((left) => numbers.map((right) => signature(boolType, left, right))),
];

export const operatorSignatures: Readonly<
  Record<'<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%' | 'neg', readonly CelSignature[]>
> = {
  '<': comparisons,
  '<=': comparisons,
  '>': comparisons,
  '>=': comparisons,
  '+': [
    ...same(intType, uint, double, stringType, bytes, duration, anyList),
    signature(timestamp, timestamp, duration),
    signature(timestamp, duration, timestamp),
  ],
  '-': [
    ...same(intType, uint, double, duration),
    signature(timestamp, timestamp, duration),
    signature(duration, timestamp, timestamp),
  ],
  '*': same(...numbers),
  '/': same(...numbers),
  '%': same(intType, uint),
  neg: [signature(intType, intType), signature(double, double)],
};

const onText = [signature(boolType, stringType, stringType)];
const ofText = [signature(stringType, stringType)];
const datePart = [signature(intType, timestamp), signature(intType, timestamp, stringType)];
const timePart = [...datePart, signature(intType, duration)];

function conversion(to: CelType, ...from: readonly CelType[]): CelFunctionShape {
  return { style: 'function', signatures: from.map((type) => signature(to, type)) };
}

function method(signatures: readonly CelSignature[]): CelFunctionShape {
  return { style: 'method', signatures };
}

/** Every function that can be called by name. */
export const functionShapes: ReadonlyMap<string, CelFunctionShape & { readonly fn: CelFunction }> =
  new Map(
    Object.entries<CelFunctionShape>({
      size: {
        style: 'both',
        signatures: [stringType, bytes, anyList, anyMap].map((type) => signature(intType, type)),
      },
      startsWith: method(onText),
      endsWith: method(onText),
      contains: method(onText),
      matches: { style: 'both', signatures: onText },
      lowerAscii: method(ofText),
      upperAscii: method(ofText),
      split: method([
        signature(listType(stringType), stringType, stringType),
        signature(listType(stringType), stringType, stringType, intType),
      ]),
      inCidr: { style: 'function', signatures: onText },
      int: conversion(intType, intType, uint, double, stringType, timestamp),
      uint: conversion(uint, uint, intType, double, stringType),
      double: conversion(double, double, intType, uint, stringType),
      string: conversion(
        stringType,
        ...[stringType, boolType, ...numbers, bytes, timestamp, duration],
      ),
      bytes: conversion(bytes, bytes, stringType),
      bool: conversion(boolType, boolType, stringType),
      dyn: conversion(dynType, dynType),
      timestamp: conversion(timestamp, timestamp, stringType, intType),
      duration: conversion(duration, duration, stringType),
      getFullYear: method(datePart),
      getMonth: method(datePart),
      getDate: method(datePart),
      getDayOfMonth: method(datePart),
      getDayOfWeek: method(datePart),
      getDayOfYear: method(datePart),
      getHours: method(timePart),
      getMinutes: method(timePart),
      getSeconds: method(timePart),
      getMilliseconds: method(timePart),
    }).map(([name, shape]) => [name, { ...shape, fn: name as CelFunction }]),
  );

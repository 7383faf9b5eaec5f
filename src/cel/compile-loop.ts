import type { CompileCel, CompiledCel } from './compile.ts';
import type { CelLoop } from './expr.ts';
import {
  type CelCode,
  type CelFrame,
  celError,
  isFailure,
  merged,
  notBool,
  tooLong,
} from './frame.ts';
import { isList, isMap, kindOf } from './kind.ts';
import type { CelError, CelFailure, CelRead, CelValue } from './value.ts';

interface Loop {
  readonly over: CelCode;
  readonly test: CelCode | undefined;
  readonly body: CelCode;
  readonly slot: number;
  readonly at: number;
}

/** A macro. Each turn is a step; over a map it goes through the keys. */
export function compileLoop(expr: CelLoop, compile: CompileCel): CompiledCel {
  const over = compile(expr.over);
  const body = compile(expr.body);
  const test = expr.test === undefined ? undefined : compile(expr.test);
  const { slot, at } = expr;
  const loop: Loop = { over: over.code, test: test?.code, body: body.code, slot, at };
  const inner = test === undefined ? [body] : [body, test];
  const outerSlots = inner.map(({ lowestSlot }) => lowestSlot).filter((lowest) => lowest < slot);
  return {
    code: loopCode(expr.macro, loop),
    reads: over.reads || inner.some(({ reads }) => reads),
    lowestSlot: Math.min(over.lowestSlot, ...outerSlots),
  };
}

function loopCode(macro: CelLoop['macro'], loop: Loop): CelCode {
  switch (macro) {
    case 'all':
      return settlingCode(loop, false);
    case 'exists':
      return settlingCode(loop, true);
    case 'exists_one':
      return countCode(loop);
    case 'filter':
      return collectCode({ ...loop, test: loop.body, body: elementCode(loop.slot) });
    case 'map':
      return collectCode(loop);
  }
}

function elementCode(slot: number): CelCode {
  return (_, frame) => frame.locals[slot] ?? null;
}

/** `&&` or `||` of the body for each element. */
function settlingCode(loop: Loop, settling: boolean): CelCode {
  const { over, body, slot, at } = loop;
  return (read, frame) => {
    const elements = elementsOf(over(read, frame), at);
    if (isFailure(elements)) return unmet(loop, elements, read, frame);
    let failure: CelFailure | undefined;
    for (const element of elements) {
      frame.stepsLeft -= 1;
      if (frame.stepsLeft < 0) return outOfSteps(at);
      frame.locals[slot] = element;
      const value = body(read, frame);
      if (value === settling) return settling;
      if (value !== !settling)
        failure = merged(failure, isFailure(value) ? value : notBool(value, at));
    }
    return failure ?? !settling;
  };
}

function countCode(loop: Loop): CelCode {
  return (read, frame) => {
    let count = 0;
    const failure = walk(loop, read, frame, () => {
      const value = loop.body(read, frame);
      if (value === true) count += 1;
      if (typeof value === 'boolean') return undefined;
      return isFailure(value) ? value : notBool(value, loop.at);
    });
    return failure ?? count === 1;
  };
}

function collectCode(loop: Loop): CelCode {
  const { test, body, at } = loop;
  return (read, frame) => {
    const collected: CelValue[] = [];
    const failure = walk(loop, read, frame, () => {
      const holds = test === undefined ? true : test(read, frame);
      if (holds === false) return undefined;
      if (holds !== true) return isFailure(holds) ? holds : notBool(holds, at);
      const value = body(read, frame);
      if (isFailure(value)) return value;
      collected.push(value);
      return undefined;
    });
    return failure ?? collected;
  };
}

/** Goes on after a failure: an unknown that comes later outweighs an error. */
function walk(
  loop: Loop,
  read: CelRead,
  frame: CelFrame,
  visit: () => CelFailure | undefined,
): CelFailure | undefined {
  const { over, slot, at } = loop;
  const elements = elementsOf(over(read, frame), at);
  if (isFailure(elements)) return unmet(loop, elements, read, frame);
  let failure: CelFailure | undefined;
  for (const element of elements) {
    frame.stepsLeft -= 1;
    if (frame.stepsLeft < 0) return outOfSteps(at);
    frame.locals[slot] = element;
    const next = visit();
    if (next !== undefined) failure = merged(failure, next);
  }
  return failure;
}

/** What it goes through is not known, nor then what it reads for each element: it hangs on both. */
function unmet(
  { test, body, slot }: Loop,
  elements: CelFailure,
  read: CelRead,
  frame: CelFrame,
): CelFailure {
  if (elements.kind === 'error') return elements;
  frame.locals[slot] = elements;
  return [test, body]
    .map((part) => part?.(read, frame) ?? null)
    .reduce<CelFailure>((all, one) => (isFailure(one) ? merged(all, one) : all), elements);
}

function outOfSteps(at: number): CelError {
  return celError(tooLong.message, at);
}

function elementsOf(over: CelValue | CelFailure, at: number): readonly CelValue[] | CelFailure {
  if (isFailure(over)) return over;
  if (isList(over)) return over;
  return isMap(over)
    ? (over.further ?? [...over.keys()])
    : celError(`can not go through a ${kindOf(over)}`, at);
}

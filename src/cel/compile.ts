import { getCode, hasCode, hasKeyCode, readCode } from './compile-access.ts';
import { compileCall } from './compile-call.ts';
import { listCode, mapCode } from './compile-collection.ts';
import { ifCode, notCode, settledCode } from './compile-logic.ts';
import { compileLoop } from './compile-loop.ts';
import { type CelExpr, type CelFunction, partsOf } from './expr.ts';
import { type CelCode, type CelFrame, isFailure } from './frame.ts';
import { stepsMax } from './limits.ts';
import { literalValue } from './literal.ts';
import type { CelFailure, CelOutcome, CelProgram, CelRead, CelValue } from './value.ts';

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
  const { code } = folding()(expr);
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

/** What is the same for every request is computed here, once, as far as the steps of one evaluation go. */
function folding(): CompileCel {
  const frame = newFrame();
  const compile: CompileCel = (expr) => {
    const part = compileNode(expr, compile);
    if (part.reads || part.lowestSlot !== Number.POSITIVE_INFINITY) return part;
    if (frame.stepsLeft < 0) return part;
    const value = part.code(readNothing, frame);
    return frame.stepsLeft < 0 ? part : fixed(value);
  };
  return compile;
}

const readNothing: CelRead = () => {
  throw new Error('a constant reads no variable');
};

function fixed(value: CelValue | CelFailure): CompiledCel {
  return { code: () => value, reads: false, lowestSlot: Number.POSITIVE_INFINITY };
}

function compileNode(expr: CelExpr, compile: CompileCel): CompiledCel {
  const around = (parts: readonly CelExpr[], codeOf: (codes: readonly CelCode[]) => CelCode) =>
    joinedParts(parts.map(compile), codeOf);
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
      return compileLoop(expr, compile);
    case 'call':
      return compileCall(expr, compile);
    case 'hasKey':
      return around([expr.of], ([of = none]) => hasKeyCode(of, expr.key, expr.at));
    case 'get':
      return around([expr.of, expr.key], ([of = none, key = none]) =>
        getCode(of, key, { at: expr.at, name: expr.key.k === 'string' ? expr.key.v : undefined }),
      );
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

function joinedParts(
  parts: readonly CompiledCel[],
  codeOf: (codes: readonly CelCode[]) => CelCode,
): CompiledCel {
  return {
    code: codeOf(parts.map(({ code }) => code)),
    reads: parts.some(({ reads }) => reads),
    lowestSlot: Math.min(...parts.map(({ lowestSlot }) => lowestSlot), Number.POSITIVE_INFINITY),
  };
}

/** Stands where a destructured code could be missing, which none is. */
const none: CelCode = () => {
  throw new Error('a part has no code');
};

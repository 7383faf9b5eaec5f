import type { CelExpr, CelSpan } from './expr.ts';
import { type CelCode, isFailure, merged, notBool } from './frame.ts';
import type { CelFailure, CelValue } from './value.ts';

/** `&&`, or `||` with `settling` true: the first term with that value settles it, whatever the others are. */
export function settledCode(
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

export function notCode(of: CelCode, at: number): CelCode {
  return (read, frame) => {
    const value = of(read, frame);
    if (typeof value === 'boolean') return !value;
    return isFailure(value) ? value : notBool(value, at);
  };
}

export function ifCode(test: CelCode, yes: CelCode, no: CelCode, at: number): CelCode {
  return (read, frame) => {
    const value = test(read, frame);
    if (value === true) return yes(read, frame);
    if (value === false) return no(read, frame);
    if (!isFailure(value)) return notBool(value, at);
    if (value.kind === 'error') return value;
    // It hangs on either, and that the test has no error is not known.
    return [yes, no]
      .map((branch) => branch(read, frame))
      .reduce<CelFailure>((all, one) => (isFailure(one) ? merged(all, one) : all), value);
  };
}

import type { Result } from '../base/result.ts';
import type { CelExpr } from './expr.ts';
import type { ParsedCel } from './parse.ts';
import type { CelProblem } from './problem.ts';
import type { CelDeclarations, CelType } from './type.ts';

export interface CheckedCel {
  readonly expr: CelExpr;
  readonly type: CelType;
  /** The condition gives this whatever the request is. */
  readonly constant?: boolean;
}

export function checkCel(
  parsed: ParsedCel,
  declarations: CelDeclarations,
): Result<CheckedCel, readonly CelProblem[]> {
  throw new Error(`to come: ${parsed.text} ${declarations.size}`);
}

import type { CelExpr } from './expr.ts';
import type { CelProgram } from './value.ts';

/** Makes closures once, so that running a condition allocates next to nothing. */
export function compileCel(expr: CelExpr): CelProgram {
  throw new Error(`to come: ${expr.k}`);
}

import type { CelExpr, CelSpan } from './expr.ts';
import type { CelProblem } from './problem.ts';
import type { CelTree } from './tree.ts';
import { type CelDeclarations, type CelType, dynType } from './type.ts';

/** What is known where a part of a condition stands. */
export interface CelScope {
  readonly declarations: CelDeclarations;
  /** Variables of the macros around, the innermost last. */
  readonly locals: readonly { readonly name: string; readonly type: CelType }[];
  readonly problems: CelProblem[];
  /** The checker itself, for parts of parts. */
  readonly check: (tree: CelTree, scope: CelScope) => Checked;
}

export interface Checked {
  readonly expr: CelExpr;
  readonly type: CelType;
}

export function give(expr: CelExpr, type: CelType): Checked {
  return { expr, type };
}

/** Stands for what is wrong and told: it fits everywhere, so that one mistake is told once. */
export const wrong: Checked = { expr: { k: 'null' }, type: dynType };

export function spanOf({ at, len }: CelSpan): CelSpan {
  return { at, len };
}

export function problem(
  scope: CelScope,
  place: CelSpan,
  message: string,
  expected?: string,
  nearest?: string,
): Checked {
  scope.problems.push({
    offset: place.at,
    length: place.len,
    message,
    ...(nearest !== undefined && { nearest }),
    ...(expected !== undefined && { expected }),
  });
  return wrong;
}

import type { Result } from '../base/result.ts';
import type { CelProblem } from './problem.ts';

export interface ParsedCel {
  readonly text: string;
}

export function parseCel(text: string): Result<ParsedCel, CelProblem> {
  throw new Error(`to come: ${text}`);
}

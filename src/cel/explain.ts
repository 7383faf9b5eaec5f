import { compileCel } from './compile.ts';
import { type CelExpr, partsOf } from './expr.ts';
import { celText } from './print.ts';
import { absent, type CelOutcome, type CelRead } from './value.ts';

/** A part of a condition that keeps the whole from being true. `offset` and `length` count UTF-16 units of its text. */
export interface CelReason {
  readonly offset: number;
  readonly length: number;
  readonly outcome: 'true' | 'false' | 'error' | 'unknown';
  /** What the error is, or which names are not known. */
  readonly message?: string;
  /** What the part read, as it reads: `source.team` and `"web"`. */
  readonly values: readonly { readonly name: string; readonly text: string }[];
}

/**
 * The smallest parts for which a condition is not true, in the order of the text: of `&&` those terms that are not, of `||`
 * all. A part under `!` is a reason when it is true. None for a condition that is true.
 */
export function explainCel(expr: CelExpr, read: CelRead): readonly CelReason[] {
  return truth(outcomeOf(expr, read)) === true ? [] : reasonsAgainst(expr, true, read);
}

function outcomeOf(expr: CelExpr, read: CelRead): CelOutcome {
  return compileCel(expr)(read);
}

function truth(outcome: CelOutcome): boolean | undefined {
  return outcome.kind === 'value' && typeof outcome.value === 'boolean' ? outcome.value : undefined;
}

/** Why a part is not what was wanted of it. */
function reasonsAgainst(expr: CelExpr, wanted: boolean, read: CelRead): readonly CelReason[] {
  switch (expr.k) {
    case 'and':
    case 'or':
      return expr.terms
        .filter((term) => truth(outcomeOf(term, read)) !== wanted)
        .flatMap((term) => reasonsAgainst(term, wanted, read));
    case 'not':
      return reasonsAgainst(expr.of, !wanted, read);
    case 'if': {
      const test = truth(outcomeOf(expr.test, read));
      if (test === undefined) return reasonsAgainst(expr.test, true, read);
      return reasonsAgainst(test ? expr.yes : expr.no, wanted, read);
    }
    default:
      return [reasonOf(expr, read)];
  }
}

function reasonOf(expr: CelExpr, read: CelRead): CelReason {
  const outcome = outcomeOf(expr, read);
  const { at, len } = 'at' in expr ? expr : { at: 0, len: 0 };
  const place = { offset: at, length: len, values: valuesOf(expr, read) };
  switch (outcome.kind) {
    case 'value':
      return { ...place, outcome: outcome.value === true ? 'true' : 'false' };
    case 'error':
      return { ...place, outcome: 'error', message: outcome.message };
    case 'unknown':
      return { ...place, outcome: 'unknown', message: `${outcome.names.join(', ')} not known` };
  }
}

/** Each thing that was read once: a variable, or the value of a map under a key that is written down. */
function valuesOf(expr: CelExpr, read: CelRead): CelReason['values'] {
  const parts = new Map(readsOf(expr).map((part) => [nameOf(part) ?? '', part]));
  return [...parts].map(([name, part]) => ({ name, text: readText(part, read) }));
}

function readsOf(expr: CelExpr): readonly CelExpr[] {
  return nameOf(expr) === undefined ? partsOf(expr).flatMap(readsOf) : [expr];
}

/** `request.headers["x-team"]`. */
function nameOf(expr: CelExpr): string | undefined {
  if (expr.k === 'var' || expr.k === 'has') return expr.name;
  if (expr.k !== 'get' || expr.key.k !== 'string') return undefined;
  const of = nameOf(expr.of);
  return of === undefined ? undefined : `${of}[${JSON.stringify(expr.key.v)}]`;
}

function readText(part: CelExpr, read: CelRead): string {
  if (part.k === 'var' || part.k === 'has') return textOfRead(read(part.name));
  const outcome = outcomeOf(part, read);
  return outcome.kind === 'value' ? celText(outcome.value) : outcome.kind;
}

function textOfRead(value: ReturnType<CelRead>): string {
  if (value === absent) return 'absent';
  if (typeof value === 'object' && value !== null && 'kind' in value) {
    if (value.kind === 'fault') return value.message;
    if (value.kind === 'unknown') return 'unknown';
  }
  return celText(value);
}

/**
 * A condition after checking: the part of CEL that rules use, with every name resolved. It is JSON as it stands, because it
 * travels inside the policy document. `at` and `len` say where in the text of the condition a node stands, in UTF-16 units.
 */
export type CelExpr =
  | CelLiteral
  /** Reads a declared variable by its flat name. */
  | ({ readonly k: 'var'; readonly name: string } & CelSpan)
  /** Reads the variable of a macro; slots count from the outermost macro. */
  | ({ readonly k: 'local'; readonly slot: number; readonly name: string } & CelSpan)
  /** Whether a declared variable has a value. */
  | ({ readonly k: 'has'; readonly name: string } & CelSpan)
  /** Whether a map has a key: `has(m.key)`. */
  | ({ readonly k: 'hasKey'; readonly of: CelExpr; readonly key: string } & CelSpan)
  /** An element of a list or a value of a map; `m.key` is `m["key"]`. */
  | ({ readonly k: 'get'; readonly of: CelExpr; readonly key: CelExpr } & CelSpan)
  | ({ readonly k: 'call'; readonly fn: CelFunction; readonly args: readonly CelExpr[] } & CelSpan)
  /** At least two terms: what the text chains is flat here. */
  | ({ readonly k: 'and' | 'or'; readonly terms: readonly CelExpr[] } & CelSpan)
  | ({ readonly k: 'not'; readonly of: CelExpr } & CelSpan)
  | ({
      readonly k: 'if';
      readonly test: CelExpr;
      readonly yes: CelExpr;
      readonly no: CelExpr;
    } & CelSpan)
  | ({ readonly k: 'list'; readonly items: readonly CelExpr[] } & CelSpan)
  | ({ readonly k: 'map'; readonly entries: readonly (readonly [CelExpr, CelExpr])[] } & CelSpan)
  | CelLoop;

export interface CelSpan {
  readonly at: number;
  readonly len: number;
}

/** A literal can not fail, so it keeps no place. */
export type CelLiteral =
  | { readonly k: 'null' }
  | { readonly k: 'bool'; readonly v: boolean }
  | { readonly k: 'string'; readonly v: string }
  /** Digits where a number would not be exact. */
  | { readonly k: 'int' | 'uint'; readonly v: number | string }
  /** A literal too great for a double is infinite, which JSON has no number for. */
  | { readonly k: 'double'; readonly v: number | 'Infinity' }
  /** In base64. */
  | { readonly k: 'bytes'; readonly v: string };

export type CelLoop = {
  readonly k: 'loop';
  readonly macro: CelMacro;
  readonly over: CelExpr;
  readonly slot: number;
  readonly name: string;
  /** The test of `map(x, test, body)`. */
  readonly test?: CelExpr;
  readonly body: CelExpr;
} & CelSpan;

export type CelMacro = 'all' | 'exists' | 'exists_one' | 'filter' | 'map';

/** Operators under their sign; `-x` is `neg`. A method takes its target as the first argument. */
export type CelFunction =
  | CelBinarySign
  | 'neg'
  | 'size'
  | 'startsWith'
  | 'endsWith'
  | 'contains'
  | 'matches'
  | 'lowerAscii'
  | 'upperAscii'
  | 'split'
  | 'inCidr'
  | CelConversion
  | CelTimePart;

export type CelBinarySign =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

/** Named as the type that they give. */
export type CelConversion =
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'bool'
  | 'dyn'
  | 'timestamp'
  | 'duration';

export type CelTimePart =
  | 'getFullYear'
  | 'getMonth'
  | 'getDate'
  | 'getDayOfMonth'
  | 'getDayOfWeek'
  | 'getDayOfYear'
  | 'getHours'
  | 'getMinutes'
  | 'getSeconds'
  | 'getMilliseconds';

/** The parts of a part, in the order of the text. */
export function partsOf(expr: CelExpr): readonly CelExpr[] {
  switch (expr.k) {
    case 'hasKey':
    case 'not':
      return [expr.of];
    case 'get':
      return [expr.of, expr.key];
    case 'call':
      return expr.args;
    case 'and':
    case 'or':
      return expr.terms;
    case 'if':
      return [expr.test, expr.yes, expr.no];
    case 'list':
      return expr.items;
    case 'map':
      return expr.entries.flat();
    case 'loop':
      return expr.test === undefined ? [expr.over, expr.body] : [expr.over, expr.test, expr.body];
    default:
      return [];
  }
}

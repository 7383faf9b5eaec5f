/** A place in a text file. Lines and columns count from 1, columns in UTF-16 units. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters the marker underlines; at least 1. */
  readonly length: number;
}

/** `CH` and four digits; each has a page in docs/codes. */
export type Code = `CH${number}`;

export type Severity = 'error' | 'warning';

/**
 * A coded diagnostic. Facts live in fields; `message` is one sentence without a final period.
 * `expected` and `found` say what the rule wanted and what stood there; `help` says what to do.
 */
export interface Finding {
  readonly code: Code;
  readonly severity: Severity;
  readonly message: string;
  readonly at?: Position;
  readonly expected?: string;
  readonly found?: string;
  /** The nearest known name, when a name was not known. */
  readonly nearest?: string;
  readonly notes?: readonly string[];
  /** Other places that take part, such as the first definition of a duplicate. */
  readonly related?: readonly { readonly at: Position; readonly message: string }[];
  readonly help?: string;
}

/** Why something was not done; whoever hands it on says how bad that is. */
export type Refusal = Omit<Finding, 'severity'>;

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === 'error');
}

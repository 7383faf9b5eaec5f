import type { Code, Finding } from './finding.ts';

/** The one error class: a finding that stops what was asked for. Programmer errors are plain `Error`s. */
export class ChanceryError extends Error {
  readonly finding: Finding;

  constructor(finding: Omit<Finding, 'severity'>, options?: { cause?: unknown }) {
    super(`${finding.code}: ${finding.message}`, options);
    this.name = 'ChanceryError';
    this.finding = { severity: 'error', ...finding };
  }

  get code(): Code {
    return this.finding.code;
  }
}

/** The only conversion of an unknown thrown value to text for a person. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

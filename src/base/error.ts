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

/** Not EAGAIN: to connect to a unix socket whose owner hangs gives the same. */
const shortages: ReadonlySet<unknown> = new Set([
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'],
]);

/** This process has no descriptors, memory or ports left: it says nothing about what it wanted to reach. */
export function isShortage(thrown: unknown): boolean {
  return thrown instanceof Error && shortages.has((thrown as NodeJS.ErrnoException).code);
}

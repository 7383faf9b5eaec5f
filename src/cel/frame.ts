import { kindOf } from './kind.ts';
import { charactersPerStep } from './limits.ts';
import type { CelError, CelFailure, CelFault, CelRead, CelValue } from './value.ts';

/** What one evaluation has of its own. */
export interface CelFrame {
  /** Every part takes its steps away; what repeats or takes long looks whether any are left. */
  stepsLeft: number;
  /** Variables of macros by slot; unknown where what the macro goes through is. */
  readonly locals: (CelValue | CelFailure)[];
}

export type CelCode = (read: CelRead, frame: CelFrame) => CelValue | CelFailure;

/** What a function gives; a fault becomes an error with the place of the call. */
export type CelAnswer = CelValue | CelFault;

export const tooLong: CelFault = {
  kind: 'fault',
  message: 'takes more steps than a condition may',
};

export function chargeText(frame: CelFrame, length: number): void {
  frame.stepsLeft -= 1 + length / charactersPerStep;
}

export function isFailure(value: CelValue | CelFailure): value is CelFailure {
  if (typeof value !== 'object' || value === null) return false;
  const kind = 'kind' in value ? value.kind : undefined;
  return kind === 'error' || kind === 'unknown';
}

export function isFault(value: CelAnswer | CelFailure): value is CelFault {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'fault';
}

export function celError(message: string, at: number): CelError {
  return { kind: 'error', message, at };
}

/** What is unknown outweighs an error, since the value to come may outweigh it too; of errors the first is told. */
export function merged(one: CelFailure | undefined, other: CelFailure): CelFailure {
  if (one === undefined) return other;
  if (one.kind === 'error') return other.kind === 'error' ? one : other;
  if (other.kind === 'error') return one;
  return { kind: 'unknown', names: [...new Set([...one.names, ...other.names])] };
}

export function notBool(value: CelValue, at: number): CelError {
  return celError(`expected bool, found ${kindOf(value)}`, at);
}

import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import type { Compiled } from '../../compile/revision.ts';
import type { Contained } from '../../model/contained.ts';
import type { Intent } from '../../model/types.ts';
import type { IntentTree } from '../intent-source.ts';
import { findingsMax, type GateName } from './candidate.ts';

/** What the gates made of one offer. */
export type Outcome =
  | {
      readonly kind: 'passed';
      readonly tree: IntentTree;
      readonly intent: Intent;
      readonly compiled: Compiled;
      readonly warnings: readonly Finding[];
      readonly approvedBy: string | undefined;
      readonly carried: readonly Contained[];
    }
  | { readonly kind: 'refused' | 'held'; readonly findings: readonly Finding[] }
  | { readonly kind: 'overtaken' };

/** What one gate found, and what it made. */
export interface Checked<Value> {
  readonly findings: readonly Finding[];
  readonly value: Value | undefined;
}

/** A gate that fails itself is a finding, too. */
export async function attempt<Value>(
  check: () => Checked<Value> | Promise<Checked<Value>>,
  broken: (error: unknown) => Finding,
): Promise<Checked<Value>> {
  try {
    return await check();
  } catch (error) {
    return { findings: [broken(error)], value: undefined };
  }
}

export function refusal(findings: readonly Finding[]): Outcome {
  return { kind: 'refused', findings: cut(findings) };
}

export function cut(findings: readonly Finding[]): readonly Finding[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const others = findings.filter(({ severity }) => severity !== 'error');
  return [...errors, ...others].slice(0, findingsMax);
}

export function brokenGate(gate: GateName, error: unknown): Finding {
  return {
    code: 'CH4209',
    severity: 'error',
    message: `the gate "${gate}" could not judge the commit: ${messageOf(error)}`,
    help: 'nothing of the commit was sent; mend what the reason names and commit again, or report it',
  };
}

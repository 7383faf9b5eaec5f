import type { Code } from '../base/finding.ts';
import type { RuleId, ServiceName } from '../model/types.ts';
import type { Place } from './document.ts';

/** What a policy says about one request. Immutable; allow decisions are shared between requests. */
export type Decision = Allow | Deny;

export interface Allow {
  readonly kind: 'allow';
  readonly rule: RuleRef;
}

export interface Deny {
  readonly kind: 'deny';
  readonly code: Code;
  /** One sentence without a final period. */
  readonly reason: string;
  /** The deny rule, when one decided. */
  readonly rule: RuleRef | undefined;
  /** Allow rules that come nearest, best first; at most `nearMissesMax`. */
  readonly closest: readonly NearMiss[];
  /** The known service that a name which is not known most likely meant. */
  readonly nearest: string | undefined;
  /** What to change, where the asker may know it. */
  readonly help: string | undefined;
}

export interface RuleRef {
  readonly id: RuleId;
  readonly service: ServiceName;
  readonly effect: 'allow' | 'deny';
  readonly at: Place;
}

/** An allow rule and the first of its clauses (from, method, path) that does not hold. */
export interface NearMiss {
  readonly rule: RuleRef;
  readonly clause: 'from' | 'protocol' | 'method' | 'path';
  /** What the rule has there, such as `POST` or `/v1/charges/*`. */
  readonly wanted: string;
  readonly got: string;
}

/** What a caller wants of a service: an HTTP or gRPC request in canonical form, or a TCP connection. */
export type Action =
  | { readonly kind: 'http'; readonly method: string; readonly path: string }
  | { readonly kind: 'connect' };

export function deny(given: Pick<Deny, 'code' | 'reason'> & Partial<Omit<Deny, 'kind'>>): Deny {
  return {
    kind: 'deny',
    code: given.code,
    reason: given.reason,
    rule: given.rule,
    closest: given.closest ?? [],
    nearest: given.nearest,
    help: given.help,
  };
}

/** Long enough to tell paths apart, short enough for a header, a log line and a screen. */
const shownLengthMax = 120;

export function actionText(action: Action): string {
  return action.kind === 'connect' ? 'connect' : `${action.method} ${clip(action.path)}`;
}

export function clip(text: string): string {
  return text.length <= shownLengthMax ? text : `${text.slice(0, shownLengthMax - 1)}…`;
}

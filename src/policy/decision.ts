import type { Code } from '../base/finding.ts';
import type { RuleId, ServiceName } from '../model/types.ts';
import type { Place } from './document.ts';

/** What a policy says about one request. Immutable; allow decisions are shared between requests. */
export type Decision = Allow | Deny | Depends;

/** What a request that was sent gets: of that all is known. */
export type Answer = Allow | Deny;

export interface Allow {
  readonly kind: 'allow';
  readonly rule: RuleRef;
  readonly noted?: Noted;
}

/** Not all is known that it hangs on; never the answer to a request that was sent. */
export interface Depends {
  readonly kind: 'depends';
  /** What is not known, such as `token` or `header x-tenant`; sorted. */
  readonly on: readonly string[];
  /** The rules whose conditions are open, by id. */
  readonly rules: readonly RuleRef[];
  /** What it is where none of their conditions holds. */
  readonly otherwise: Answer;
  readonly noted?: Noted;
}

/** What is said of a decision beside what decided; left out where there is nothing. */
export interface Noted {
  /** Rules in `audit` that hold, with what they would have done. */
  readonly audits: readonly RuleRef[];
  /** Rules whose conditions could not be decided. */
  readonly faults: readonly RuleFault[];
}

export interface RuleFault {
  readonly rule: RuleRef;
  readonly message: string;
}

export interface Deny {
  readonly kind: 'deny';
  readonly code: Code;
  /** One sentence without a final period. */
  readonly reason: string;
  /** The deny rule, when one decided. */
  readonly rule: RuleRef | undefined;
  /** Allow rules that come nearest, best first; at most two. */
  readonly closest: readonly NearMiss[];
  /** The known service that a name which is not known most likely meant. */
  readonly nearest: string | undefined;
  /** What to change, where the asker may know it. */
  readonly help: string | undefined;
  readonly noted?: Noted;
}

export interface RuleRef {
  readonly id: RuleId;
  readonly service: ServiceName;
  readonly effect: 'allow' | 'deny';
  readonly at: Place;
}

export type ConditionClause = 'host' | 'header' | 'token' | 'when';

/** An allow rule and the first of its clauses that does not hold. */
export interface NearMiss {
  readonly rule: RuleRef;
  readonly clause: 'from' | 'protocol' | 'method' | 'path' | ConditionClause;
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

/** Whoever answers a request does not leave it open: what is not known allows nothing. */
export function answerOf(decision: Decision): Answer {
  if (decision.kind !== 'depends') return decision;
  const reason = `it depends on what is not known here: ${decision.on.join(', ')}`;
  return deny({ code: 'CH2111', reason, rule: decision.rules[0] });
}

/** Long enough to tell paths apart, short enough for a header, a log line and a screen. */
const shownLengthMax = 120;

export function actionText(action: Action): string {
  return action.kind === 'connect' ? 'connect' : `${action.method} ${clip(action.path)}`;
}

export function clip(text: string): string {
  return text.length <= shownLengthMax ? text : `${text.slice(0, shownLengthMax - 1)}…`;
}

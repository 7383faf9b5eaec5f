import type { Code } from '../../base/finding.ts';
import { grantAt } from '../../model/grant-place.ts';
import type { Answer, RuleRef } from '../../policy/decision.ts';
import type { TokenStanding } from '../../policy/facts.ts';
import { type CheckFacts, headerOf } from './check-request.ts';
import type { Side } from './denial.ts';

/**
 * One line of the decision log. Holds no query, header, claim or body: they may carry secrets. Of a token only whose it is
 * and what is wrong with it.
 */
export interface DecisionRecord {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** From the question to the answer, in the desk alone. */
  readonly latencyUs: number;
  readonly side: Side | undefined;
  /** The service whose proxy asked. */
  readonly service: string;
  /** That proxy; at a desk of the pool what it calls itself, undefined where it does not say. */
  readonly proxy: string | undefined;
  /** As the proxy reported it; empty at egress and for a peer without certificate. */
  readonly principal: string;
  /** Of the caller's socket. */
  readonly address: string;
  /** Empty for a TCP connection. */
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** `x-request-id`, which joins the decision with the access log. */
  readonly requestId: string | undefined;
  readonly kind: Answer['kind'];
  readonly code: Code | undefined;
  readonly rule: string | undefined;
  /** The break-glass grant that let it through; left out: none did. */
  readonly breakglass: string | undefined;
  /** Undefined where no rule looks at tokens. */
  readonly token: string | undefined;
  /** Rules in `audit` that hold, and what each would have done; left out where there is none. */
  readonly audits: readonly RuleEffect[] | undefined;
  /** Rules whose conditions could not be decided, and why; left out where there is none. */
  readonly undecided: readonly { readonly rule: string; readonly message: string }[] | undefined;
  /** What was thrown, when the desk failed. */
  readonly fault: string | undefined;
}

interface RuleEffect {
  readonly rule: string;
  readonly effect: 'allow' | 'deny';
}

/** What became of a question. */
export interface Outcome {
  readonly decision: Answer;
  readonly facts: CheckFacts | undefined;
  /** Undefined: it was not looked at. */
  readonly token: TokenStanding | undefined;
  /** Whether a member of the mesh asks, who may see rules. */
  readonly isMember: boolean;
  readonly fault: string | undefined;
}

/** The longest that is no refusal has 32 characters. */
const methodLengthMax = 64;
/** Path and host in a record are cut to this: enough to recognise them, and a bound for the log. */
const recordedLengthMax = 1_024;
/** A header that the caller chooses; ours have 36 characters. */
const requestIdLengthMax = 128;
/** More rules hold at once only where something went wrong; the first ones show what. */
const notedMax = 20;

export function recordOf(
  { decision, facts, token, fault }: Outcome,
  asked: Pick<DecisionRecord, 'id' | 'timeMs' | 'latencyUs' | 'side' | 'service' | 'proxy'>,
): DecisionRecord {
  const { audits = [], faults = [] } = decision.noted ?? {};
  const { http } = facts ?? {};
  return {
    ...asked,
    principal: facts?.principal ?? '',
    address: facts?.address ?? '',
    method: (http?.method ?? '').slice(0, methodLengthMax),
    path: pathText(http?.path ?? '').slice(0, recordedLengthMax),
    host: hostText(http?.host ?? '').slice(0, recordedLengthMax),
    requestId: headerOf(http, 'x-request-id')?.slice(0, requestIdLengthMax),
    kind: decision.kind,
    code: decision.kind === 'deny' ? decision.code : undefined,
    rule: decision.rule?.id,
    breakglass: grantUsed(decision),
    token: token && tokenText(token),
    audits: noted(audits, ({ id, effect }: RuleRef) => ({ rule: id, effect })),
    undecided: noted(faults, ({ rule, message }) => ({
      rule: rule.id,
      message: message.slice(0, recordedLengthMax),
    })),
    fault,
  };
}

/** Parameters of a path, what is a query or a fragment once it is decoded, and users before a host hold secrets, too. */
const behind = /(;|#|%3b|%3f|%23).*$/is;
/** The decision stays what it is when it is asked for anew with this. */
const redacted = 'redacted';

function pathText(target: string): string {
  const [path = ''] = target.split('?', 1);
  // Of what is no path at all nothing is known to be none.
  const isPath = path.startsWith('/') || path === '*' || path === '';
  return isPath ? path.replace(behind, `$1${redacted}`) : redacted;
}

function hostText(authority: string): string {
  const user = authority.lastIndexOf('@');
  return user === -1 ? authority : `${redacted}${authority.slice(user)}`;
}

/** Only by an allow: of a denial no grant is at fault. */
export function grantUsed(decision: Answer): string | undefined {
  return decision.kind === 'allow' ? grantAt(decision.rule.at) : undefined;
}

function noted<T, R>(all: readonly T[], show: (one: T) => R): readonly R[] | undefined {
  return all.length === 0 ? undefined : all.slice(0, notedMax).map(show);
}

function tokenText(token: TokenStanding): string {
  switch (token.kind) {
    case 'none':
      return 'none';
    case 'valid':
      return `of ${token.token.issuerName}`;
    case 'invalid':
      return token.reason;
  }
}

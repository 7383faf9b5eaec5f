import { canonicalPath } from '../policy/canonical-path.ts';
import type { FlowKey } from '../policy/flow.ts';
import { askedForReadings } from '../policy/other-readings.ts';

/** A request or a connection that came in, as a line of the access log tells of it. */
export interface SeenRequest {
  readonly timeMs: number;
  readonly caller: string;
  /** `connect` for a TCP connection. */
  readonly method: string;
  /** In canonical form, without query; empty for a TCP connection. */
  readonly path: string;
  /** Empty for a TCP connection. */
  readonly host: string;
  readonly requestId: string | undefined;
  /** The desk was asked, and it is what was decided there. */
  readonly desk: boolean;
  /** Undefined: the line does not say, as when the desk did not answer. */
  readonly verdict: Pick<FlowKey, 'verdict' | 'rule' | 'code' | 'isOverridden'> | undefined;
}

const ownRule = /^(allow|deny|ask)\/(.+)$/;
const methodShape = /^[A-Z][A-Z-]{0,31}$/;
const deniedByProxy = /^rbac_access_denied_matched_policy\[deny\//;

/** Undefined: the line is of nothing that came in, or of what has no one reading. */
export function seenIn(line: string): SeenRequest | undefined {
  // Cheaper than to parse what is of no interest: most lines of a busy caller are of the other side.
  if (!line.includes('"side":"ingress"')) return undefined;
  const fields = fieldsOf(line);
  if (fields === undefined || fields['side'] !== 'ingress') return undefined;
  const timeMs = Date.parse(textOf(fields['time']));
  const caller = textOf(fields['caller']);
  if (fields['kind'] === 'connection') {
    const connection = { method: 'connect', path: '', host: '', requestId: undefined };
    return { timeMs, caller, ...connection, desk: false, verdict: connectionVerdict(fields) };
  }
  if (fields['kind'] !== 'request') return undefined;
  const method = textOf(fields['method']);
  const path = canonicalPath(textOf(fields['path']));
  if (!path.ok || !methodShape.test(method)) return undefined;
  const verdict = verdictOf(fields);
  // No log holds the query for which the desk refused it.
  if (verdict?.code === 'CH2121') return undefined;
  return {
    ...{ timeMs, caller, method, path: path.value, host: textOf(fields['host']) },
    requestId: textOf(fields['request_id']) || undefined,
    desk: decisionIn(fields) !== undefined,
    verdict,
  };
}

/** Undefined for one whose handshake failed: nothing was decided about it. */
function connectionVerdict(fields: Fields): SeenRequest['verdict'] {
  const [, kind, rule] = ownRule.exec(textOf(fields['rule'])) ?? [];
  const code = textOf(fields['code']);
  const by = rule === undefined ? {} : { rule };
  if (code !== '') return { verdict: 'deny', ...by, code };
  if (kind !== 'allow') return undefined;
  // Between two policies the gate and RBAC may differ for a moment.
  return deniedByProxy.test(textOf(fields['details']))
    ? { verdict: 'deny' }
    : { verdict: 'allow', ...by };
}

function verdictOf(fields: Fields): SeenRequest['verdict'] {
  const [, kind, id] = ownRule.exec(textOf(fields['rule'])) ?? [];
  if (kind === 'allow' && id !== undefined) return { verdict: 'allow', rule: id };
  if (kind === 'deny' && id !== undefined && deniedByProxy.test(textOf(fields['details']))) {
    return { verdict: 'deny', rule: id, code: 'CH2102' };
  }
  const said = decisionIn(fields);
  if (said === undefined) return undefined;
  const [rule, code] = [textOf(said['rule']), textOf(said['code'])];
  const isOverridden = kind === 'ask' && id === askedForReadings;
  const by = { ...(rule && { rule }), ...(isOverridden && { isOverridden }) };
  if (said['kind'] === 'allow') return { verdict: 'allow', ...by };
  return said['kind'] === 'deny' ? { verdict: 'deny', ...by, ...(code && { code }) } : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function decisionIn(fields: Fields): Fields | undefined {
  const decision = fields['decision'];
  return typeof decision === 'object' && decision !== null ? (decision as Fields) : undefined;
}

function fieldsOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

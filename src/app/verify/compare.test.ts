import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RuleId, ServiceName } from '../../model/types.ts';
import { type Answer, deny } from '../../policy/decision.ts';
import { compare } from './compare.ts';
import type { Observed } from './observed.ts';

type Found = Exclude<Observed, { kind: 'none' }>;

function ref(id: string, effect: 'allow' | 'deny') {
  const at = { file: 'services/b.yaml', line: 1 };
  return { id: id as RuleId, service: 'b' as ServiceName, effect, at };
}

const allowed: Answer = { kind: 'allow', rule: ref('read', 'allow') };
const denied: Answer = deny({ code: 'CH2102', reason: 'no', rule: ref('never', 'deny') });
const byDefault: Answer = deny({ code: 'CH2101', reason: 'no' });

function found(more: Partial<Found>): Found {
  const { kind = 'allow' } = more;
  return {
    ...{ kind, in: 'proxy', rule: kind === 'allow' ? 'read' : 'never', status: 200 },
    ...{ grpcStatus: undefined, code: undefined, why: undefined, reached: kind === 'allow' },
    ...more,
  };
}

const none = (): boolean => false;

describe('an answer and what a real Envoy did', () => {
  it('agree by decision and rule', () => {
    assert.deepEqual(compare(allowed, found({}), none), { agrees: true, remark: undefined });
    assert.ok(compare(denied, found({ kind: 'deny', status: 403 }), none).agrees);
    assert.ok(compare(byDefault, found({ kind: 'deny', rule: undefined }), none).agrees);
  });

  it('differ by the decision, and what was wanted is said', () => {
    const { agrees, remark } = compare(denied, found({}), none);
    assert.deepEqual([agrees, remark], [false, 'the answer is deny/never']);
    assert.ok(!compare(allowed, found({ kind: 'deny' }), none).agrees);
  });

  it('differ where the application got what was denied, or not what was allowed', () => {
    assert.ok(!compare(allowed, found({ reached: false, status: 503 }), none).agrees);
    assert.ok(!compare(denied, found({ kind: 'deny', reached: true }), none).agrees);
    const listener = found({ kind: 'deny', in: 'listener', reached: true });
    assert.ok(!compare(denied, listener, none).agrees);
  });

  it('differ by the rule, unless that one holds as well', () => {
    const other = found({ rule: 'read-all' });
    assert.ok(!compare(allowed, other, none).agrees);
    const both = compare(allowed, other, (rule) => rule === 'read-all');
    assert.deepEqual(both, { agrees: true, remark: 'read holds as well' });
    assert.ok(!compare(byDefault, found({ kind: 'deny', rule: 'never' }), () => true).agrees);
    assert.ok(!compare(denied, found({ kind: 'deny', rule: undefined }), () => true).agrees);
  });

  it('of what is refused ahead of any rule, the decision counts', () => {
    const refused = found({ kind: 'deny', in: 'listener', rule: undefined, why: 'bad path' });
    assert.deepEqual(compare(denied, refused, none), { agrees: true, remark: 'bad path' });
    assert.match(compare(allowed, refused, none).remark ?? '', /^bad path; the answer is allow/);
  });

  it('whom nobody knows the proxy may refuse by a rule for everybody', () => {
    const unknown: Answer = deny({ code: 'CH2105', reason: 'nobody knows it' });
    assert.ok(compare(unknown, found({ kind: 'deny', rule: 'all' as RuleId }), none).agrees);
    assert.ok(!compare(unknown, found({ kind: 'allow' }), none).agrees);
    const other: Answer = deny({ code: 'CH2101', reason: 'no rule' });
    assert.ok(!compare(other, found({ kind: 'deny', rule: 'all' as RuleId }), none).agrees);
  });

  it('a host that the proxy does not serve is let through by its policy alone', () => {
    const misdirected = found({ status: 421, reached: false });
    assert.ok(compare(allowed, misdirected, none).agrees);
    const noHost: Answer = deny({ code: 'CH2127', reason: 'no host' });
    assert.ok(compare(noHost, misdirected, none).agrees);
    // A rule that forbids it would be held by the policy.
    assert.ok(!compare(denied, misdirected, none).agrees);
  });
});

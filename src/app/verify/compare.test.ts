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

describe('an answer and what a real Envoy did', () => {
  it('agree by decision and rule', () => {
    assert.deepEqual(compare(allowed, found({})), { agrees: true, remark: undefined });
    assert.ok(compare(denied, found({ kind: 'deny', status: 403 })).agrees);
    assert.ok(compare(byDefault, found({ kind: 'deny', rule: undefined })).agrees);
  });

  it('differ by the decision, and what was wanted is said', () => {
    const { agrees, remark } = compare(denied, found({}));
    assert.deepEqual([agrees, remark], [false, 'the answer is deny/never']);
    assert.ok(!compare(allowed, found({ kind: 'deny' })).agrees);
  });

  it('differ where the application got what was denied, or not what was allowed', () => {
    assert.ok(!compare(allowed, found({ reached: false, status: 503 })).agrees);
    assert.ok(!compare(denied, found({ kind: 'deny', reached: true })).agrees);
    const listener = found({ kind: 'deny', in: 'listener', reached: true });
    assert.ok(!compare(denied, listener).agrees);
  });

  it('differ by the rule', () => {
    assert.ok(!compare(allowed, found({ rule: 'read-all' })).agrees);
    assert.ok(!compare(byDefault, found({ kind: 'deny', rule: 'never' })).agrees);
    assert.ok(!compare(denied, found({ kind: 'deny', rule: undefined })).agrees);
  });

  it('of what is refused ahead of any rule, the decision counts', () => {
    const refused = found({ kind: 'deny', in: 'listener', rule: undefined, why: 'bad path' });
    assert.deepEqual(compare(denied, refused), { agrees: true, remark: 'bad path' });
    assert.match(compare(allowed, refused).remark ?? '', /^bad path; the answer is allow/);
  });

  it('a host that the proxy does not serve is let through by its policy alone', () => {
    const misdirected = found({ status: 421, reached: false });
    assert.ok(compare(allowed, misdirected).agrees);
    assert.ok(!compare(denied, misdirected).agrees);
  });
});

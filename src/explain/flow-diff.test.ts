import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyDocument } from '../policy/document.ts';
import type { Flow } from '../policy/flow.ts';
import { sketchPolicy } from '../policy/policy.fixture.ts';
import { flowDiff } from './flow-diff.ts';

const flow = (more: Partial<Flow> = {}): Flow => ({
  ...{ caller: 'spiffe://acme/a', method: 'GET', path: '/v1/charges/*', verdict: 'allow' },
  ...{ requests: 7, firstMs: 1, lastMs: 2, ...more },
});
const policy = (...rules: readonly string[]): PolicyDocument =>
  sketchPolicy({ services: { a: [], b: [], p: rules } });
const effects = (before: PolicyDocument, after: PolicyDocument, ...flows: readonly Flow[]) =>
  flowDiff(before, after, [{ service: 'p', sinceMs: 0, isPartial: false, rules: [], flows }]).map(
    ({ effect }) => effect,
  );

/** The first rule of `p` wants a header. */
function conditional(document: PolicyDocument, name: string): PolicyDocument {
  const header = { name, value: { kind: 'present' } } as const;
  return {
    ...{ ...document, version: 2, issuers: [] },
    services: document.services.map((service) => ({
      ...service,
      rules: service.rules.map((rule, at) =>
        at === 0 ? { ...rule, conditions: { headers: [header], hosts: [] } } : rule,
      ),
    })),
  };
}

describe('recorded traffic under two policies', () => {
  it('is newly denied where it came in and would not any more, and newly allowed the other way', () => {
    const wide = policy('allow a GET /v1/**');
    const narrow = policy('allow a GET /v1/refunds/**');
    assert.deepEqual(effects(wide, narrow, flow()), ['newly denied']);
    assert.deepEqual(effects(narrow, wide, flow({ verdict: 'deny' })), ['newly allowed']);
    assert.deepEqual(effects(narrow, wide, flow({ path: '/v1/refunds/x' })), ['unchanged']);
    assert.deepEqual(effects(wide, policy('allow b GET /v1/**'), flow()), ['newly denied']);
    assert.deepEqual(effects(wide, policy(), flow({ verdict: 'deny' })), ['unchanged']);
  });

  it('is uncertain where a rule wants what was not recorded', () => {
    const plain = policy('allow a GET /v1/**');
    const token = conditional(plain, 'x-tenant');
    assert.deepEqual(effects(plain, token, flow()), ['uncertain']);
    assert.deepEqual(effects(token, plain, flow()), ['unchanged']);
    assert.deepEqual(effects(token, policy(), flow()), ['newly denied']);
    assert.deepEqual(effects(token, conditional(plain, 'x-other'), flow({ rule: 'r1' })), [
      'uncertain',
    ]);
    assert.deepEqual(effects(plain, conditional(plain, 'x'), flow({ verdict: 'deny' })), [
      'uncertain',
    ]);
  });

  it('is held against every reading that its path has', () => {
    // Full-width dots, which some file systems take for plain ones.
    const path = '/public/\uff0e\uff0e/admin';
    const open = policy('allow a GET /**');
    const closed = policy('allow a GET /**', 'deny a GET /admin');
    assert.deepEqual(effects(open, closed, flow({ path })), ['newly denied']);
    assert.deepEqual(effects(closed, open, flow({ path, verdict: 'deny' })), ['newly allowed']);
    const other = policy('allow a GET /**', 'deny a GET /other');
    assert.deepEqual(effects(open, other, flow({ path })), ['unchanged']);
    const sometimes = conditional(policy('allow a GET /admin', 'allow a GET /public/**'), 'x-a');
    const both = policy('allow a GET /admin', 'allow a GET /public/**');
    assert.deepEqual(effects(both, sometimes, flow({ path })), ['uncertain']);
    assert.deepEqual(effects(sometimes, both, flow({ path })), ['unchanged']);
  });

  it('is uncertain where a header asked for another request, unless nothing of the service differs', () => {
    const isOverridden = true;
    const wide = policy('allow a * /v1/**');
    const more = policy('allow a * /v1/**', 'deny a DELETE /v1/**');
    assert.deepEqual(effects(wide, more, flow({ isOverridden })), ['uncertain']);
    assert.deepEqual(effects(wide, more, flow()), ['unchanged']);
    assert.deepEqual(effects(wide, wide, flow({ isOverridden })), ['unchanged']);
    assert.deepEqual(effects(wide, policy(), flow({ isOverridden })), ['newly denied']);
    const denied = flow({ isOverridden, verdict: 'deny', code: 'CH2130' });
    assert.deepEqual(effects(more, wide, denied), ['uncertain']);
  });

  it('what came in by a rule that stays, stays', () => {
    const both = conditional(policy('allow a GET /v1/**', 'allow a GET /v1/x'), 'x-tenant');
    const one = conditional(policy('allow a GET /v1/**'), 'x-tenant');
    assert.deepEqual(effects(both, one, flow({ rule: 'r1' })), ['unchanged']);
    assert.deepEqual(effects(both, one, flow({ path: '/v1/x', rule: 'r1' })), ['uncertain']);
  });

  it('is uncertain where some of what a template stands for changes', () => {
    const wide = policy('allow a GET /v1/**');
    const one = policy('allow a GET /v1/**', 'deny a GET /v1/charges/17');
    assert.deepEqual(effects(wide, one, flow()), ['uncertain']);
    const named = policy('allow a GET /v1/**', 'deny a GET /v1/charges/dump');
    assert.deepEqual(effects(wide, named, flow()), ['unchanged']);
    assert.deepEqual(effects(wide, named, flow({ path: '/v1/**' })), ['uncertain']);
    assert.deepEqual(effects(wide, policy(), flow({ path: '/v1/**' })), ['newly denied']);
  });

  it('a connection has its own rule', () => {
    const connect = flow({ method: 'connect', path: '' });
    const tcp = (...rules: readonly string[]) =>
      sketchPolicy({ services: { a: [], p: rules }, protocols: { p: 'tcp' } });
    assert.deepEqual(effects(tcp('allow a connect'), tcp(), connect), ['newly denied']);
    assert.deepEqual(effects(tcp('allow a connect'), tcp('allow * connect'), connect), [
      'unchanged',
    ]);
  });
});

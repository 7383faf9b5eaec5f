import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import { compilePolicy } from '../policy/compiled-policy.ts';
import { decide } from '../policy/decide.ts';
import { policyDocument } from '../policy/document.ts';
import { denialsOver } from './denials.ts';
import {
  changesMs,
  type Grant,
  type GrantStep,
  grantAfter,
  grantAt,
  newGrant,
  waitingMsMax,
} from './grant.ts';
import { intentWith, resolveScope } from './grant-rule.ts';

const asked = {
  ...{ id: 'ab12cd34', who: 'desk', callee: 'pay', operations: ['GET /v1/**'], forMs: 60_000 },
  ...{ reason: 'refunds are stuck', by: 'token ann', askedMs: 1_000 },
};
const active = newGrant(asked, { approvals: 1 });
const waiting = newGrant(asked, { approvals: 2 });

function after(grant: Grant, step: GrantStep): Grant {
  const result = grantAfter(grant, step);
  return result.ok ? result.value : assert.fail(result.error.message);
}

function refusal(grant: Grant, step: GrantStep): string {
  const result = grantAfter(grant, step);
  return result.ok ? assert.fail('it was taken') : result.error.code;
}

describe('a break-glass grant at a time', () => {
  const approved = after(waiting, { kind: 'approve', by: 'bob', atMs: 5_000 });
  const revoked = after(approved, { kind: 'revoke', by: 'eve', atMs: 9_000 });
  const kindAt = (grant: Grant, atMs: number): string | undefined =>
    grantAt(grant, atMs)?.state.kind;

  it('is what it was then, whatever became of it later', () => {
    assert.equal(kindAt(revoked, 999), undefined);
    assert.equal(kindAt(revoked, 1_000), 'waiting');
    assert.deepEqual(grantAt(revoked, 5_000), approved);
    assert.deepEqual(grantAt(revoked, 9_000), revoked);
  });

  it('ends by time also where nobody has noted it yet', () => {
    assert.equal(kindAt(active, 60_999), 'active');
    assert.equal(kindAt(active, 61_000), 'ended');
    assert.equal(kindAt(waiting, 1_000 + waitingMsMax), 'ended');
  });
});

describe('the states of a grant', () => {
  it('with one operator it is in effect at once, for as long as was asked', () => {
    assert.deepEqual(active.state, { kind: 'active', sinceMs: 1_000, untilMs: 61_000 });
  });

  it('with two it waits, and its time begins when another one approves', () => {
    assert.equal(waiting.state.kind, 'waiting');
    assert.equal(refusal(waiting, { kind: 'approve', by: 'token ann', atMs: 2_000 }), 'CH4233');
    const { state } = after(waiting, { kind: 'approve', by: 'token bob', atMs: 5_000 });
    assert.deepEqual(state, {
      ...{ kind: 'active', sinceMs: 5_000, untilMs: 65_000, approvedBy: 'token bob' },
    });
  });

  it('time ends what is in effect, and what nobody approves', () => {
    assert.equal(after(active, { kind: 'time', atMs: 60_999 }), active);
    assert.equal(after(active, { kind: 'time', atMs: 61_000 }).state.kind, 'ended');
    const lateMs = 1_000 + waitingMsMax;
    assert.equal(after(waiting, { kind: 'time', atMs: lateMs - 1 }), waiting);
    assert.equal(after(waiting, { kind: 'time', atMs: lateMs }).state.kind, 'ended');
    assert.equal(refusal(waiting, { kind: 'approve', by: 'token bob', atMs: lateMs }), 'CH4234');
  });

  it('what is over never comes back, whatever is asked', () => {
    const revoked = after(active, { kind: 'revoke', by: 'token bob', atMs: 2_000 });
    const ended = after(active, { kind: 'time', atMs: 61_000 });
    for (const grant of [revoked, ended]) {
      assert.equal(changesMs(grant), undefined);
      assert.equal(after(grant, { kind: 'time', atMs: 1e15 }), grant);
      for (const kind of ['approve', 'revoke'] as const) {
        assert.equal(refusal(grant, { kind, by: 'token eve', atMs: 3_000 }), 'CH4234');
      }
    }
    assert.equal(refusal(active, { kind: 'revoke', by: 'token bob', atMs: 61_000 }), 'CH4234');
  });

  it('what waits may be taken back, also by who asked', () => {
    const revoked = after(waiting, { kind: 'revoke', by: 'token ann', atMs: 2_000 });
    assert.deepEqual(revoked.state, { kind: 'revoked', atMs: 2_000, by: 'token ann' });
  });
});

const files = new Map([
  [
    'mesh.yaml',
    'mesh: m\ntrust_domain: m.test\nroles: { support: [desk] }\npeers: { p.test: { endpoint: https://p.test/, profile: https_web } }\n',
  ],
  [
    'services/pay.yaml',
    'service: pay\nowner: t\nprotocol: http\nport: 1001\ndeny:\n  - { id: no-admin, from: "*", to: "* /v1/admin/**" }\n  - { id: other, from: web, to: "GET /v1/**" }\n',
  ],
  ['services/desk.yaml', 'service: desk\nowner: t\nprotocol: http\nport: 1002\n'],
  ['services/web.yaml', 'service: web\nowner: t\nprotocol: http\nport: 1003\n'],
  ['services/db.yaml', 'service: db\nowner: t\nprotocol: tcp\nport: 1004\n'],
]);

function intentOf(given: ReadonlyMap<string, string>): Intent {
  const { intent, findings } = parseIntent(given);
  return intent ?? assert.fail(JSON.stringify(findings));
}

const intent = intentOf(files);

describe('what is granted as a rule', () => {
  it('is one more allow rule of the callee that ends by its condition, and nothing else changes', () => {
    const whole = intentWith(intent, [active]);
    const [rule, ...more] = whole.services.get('pay' as never)?.allow ?? [];
    assert.deepEqual(more, []);
    assert.equal(rule?.id, 'breakglass-ab12cd34');
    assert.equal(rule?.at.file, 'breakglass:ab12cd34');
    assert.equal(rule?.conditions?.when?.text, 'time < timestamp("1970-01-01T00:01:01.000Z")');
    assert.equal(whole.services.get('web' as never), intent.services.get('web' as never));
    assert.equal(policyDocument(whole).version, 2);
  });

  it('the same list gives the same intent, and without any it is the intent itself', () => {
    const grants = [active];
    assert.equal(intentWith(intent, grants), intentWith(intent, grants));
    assert.equal(intentWith(intent, []), intent);
  });

  it('what waits, is over, or means nothing after a commit grants nothing', () => {
    const over = after(active, { kind: 'revoke', by: 'x', atMs: 2_000 });
    for (const grant of [waiting, over, { ...active, who: 'gone' }]) {
      assert.equal(intentWith(intent, [grant]), intent);
    }
    const tcp = new Map(files).set(
      'services/pay.yaml',
      'service: pay\nowner: t\nprotocol: tcp\nport: 1001\n',
    );
    const changed = intentOf(tcp);
    assert.equal(intentWith(changed, [active]), changed);
  });

  it('only somebody in particular can be let in, and nobody into TCP', () => {
    for (const who of ['desk', 'role:support', 'person:ann@m.test', 'spiffe://p.test/billing']) {
      assert.ok(resolveScope(intent, { who, callee: 'pay', operations: [] }).ok, who);
    }
    for (const who of ['*', 'dest', 'role:none', 'spiffe://p.test/**', 'spiffe://q.test/x', '']) {
      const scope = resolveScope(intent, { who, callee: 'pay', operations: [] });
      assert.equal(scope.ok ? '' : scope.error.code, 'CH4232', who);
    }
    for (const [callee, operation] of [
      ['db', 'GET /'],
      ['pey', 'GET /'],
      ['pay', 'get everything'],
    ] as const) {
      assert.ok(!resolveScope(intent, { who: 'desk', callee, operations: [operation] }).ok);
    }
  });

  it('nobody is told of what was granted to somebody else, and who has it is told what it wants', () => {
    const closest = (caller: string, grants: readonly Grant[]) => {
      const policy = compilePolicy(policyDocument(intentWith(intent, grants)));
      const decision = decide(policy, {
        ...{ caller: { trustDomain: 'm.test', name: caller }, callee: 'pay' },
        action: { kind: 'http', method: 'POST', path: '/v1/charges' },
      });
      return decision.kind === 'deny' ? decision : assert.fail();
    };
    assert.deepEqual(closest('web', [active]), closest('web', []));
    const rules = closest('desk', [active]).closest.map(({ rule }): string => rule.id);
    assert.ok(rules.includes('breakglass-ab12cd34'), rules.join());
  });

  it('names the deny rules that stay above all or a part of it', () => {
    const over = (who: string, operations: readonly string[]): readonly string[] => {
      const scope = resolveScope(intent, { who, callee: 'pay', operations });
      return scope.ok ? denialsOver(scope.value).map(({ id }) => id) : assert.fail();
    };
    assert.deepEqual(over('desk', []), ['no-admin']);
    assert.deepEqual(over('desk', ['GET /v1/admin/users']), ['no-admin']);
    assert.deepEqual(over('desk', ['GET /v1/charges']), []);
    assert.deepEqual(over('web', ['GET /v1/charges']), ['other']);
    assert.deepEqual(over('person:ann@m.test', ['GET /v1/admin/x']), ['no-admin']);
  });
});

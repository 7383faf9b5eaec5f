import { workloadId } from '../identity/spiffe-id.ts';
import type { Intent, IntentTest } from '../model/types.ts';
import { canonicalize } from '../policy/canonical.ts';
import { decideRequest } from '../policy/decide-request.ts';
import { answerOf } from '../policy/decision.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import { testFacts } from './test-facts.ts';

export interface DecidedTest {
  readonly test: IntentTest;
  readonly passed: boolean;
  readonly got: 'allow' | 'deny';
  readonly rule: string | undefined;
  readonly reason: string | undefined;
}

/** Decides one `tests:` entry as the callee's policy desk would. */
export function decideTest(intent: Intent, test: IntentTest): DecidedTest {
  const found = decided(intent, test);
  return { test, passed: found.got === test.expect, ...found };
}

function decided(intent: Intent, test: IntentTest): Pick<DecidedTest, 'got' | 'rule' | 'reason'> {
  const request = canonicalize({
    principal: workloadId(intent.mesh.trustDomain, test.from),
    method: test.method,
    path: test.path,
    host: test.to,
    headers: test.headers,
  });
  if (!request.ok) return { got: 'deny', rule: undefined, reason: request.error.reason };
  const { caller, method, path, others } = request.value;
  const action = { kind: 'http' as const, method, path };
  const decision = answerOf(
    decideRequest(
      intentPolicy(intent).policy,
      { caller, callee: test.to, action, facts: testFacts(intent, test, request.value) },
      others,
    ),
  );
  return decision.kind === 'allow'
    ? { got: 'allow', rule: decision.rule.id, reason: undefined }
    : { got: 'deny', rule: decision.rule?.id, reason: `${decision.code} ${decision.reason}` };
}

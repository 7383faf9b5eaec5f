import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CompiledPolicy, compilePolicy } from './compiled-policy.ts';
import { comparedMax, comparedWith, nearestService } from './nearest-service.ts';
import { sketchPolicy } from './policy.fixture.ts';

function policyOf(names: readonly string[]): CompiledPolicy {
  const services = Object.fromEntries(names.map((name) => [name, [] as string[]]));
  return compilePolicy(sketchPolicy({ services }));
}

const many = Array.from({ length: 2_000 }, (_, index) => `worker-${index}`);

describe('the nearest service', () => {
  test('is any of a few, also with another first character', () => {
    assert.equal(nearestService(policyOf(['payments', 'cart']), 'oayments'), 'payments');
  });

  test('is found among many by its first character', () => {
    const policy = policyOf([...many, 'payments']);
    assert.equal(nearestService(policy, 'paymnets'), 'payments');
    assert.equal(nearestService(policy, 'paymentss'), 'payments');
  });

  test('of a name that is no name is none', () => {
    const policy = policyOf(many);
    for (const name of ['', 'w'.repeat(64), 'zzz'])
      assert.equal(nearestService(policy, name), undefined);
  });

  test('is looked for among no more names the more services there are', () => {
    const policy = policyOf(many);
    for (const name of ['worker-xxx', 'worker-xxxx', `w${'o'.repeat(62)}`])
      assert.ok(comparedWith(policy, name).length <= comparedMax);
    assert.equal(comparedWith(policy, 'worker-xxxx').length, comparedMax);
  });
});

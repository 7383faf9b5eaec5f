import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import {
  callee,
  changedWritten,
  filesOf,
  type IntentFiles,
  intentOf,
  randomSent,
  randomWritten,
  requestOf,
  seedsFor,
} from '../explain/random-intent.fixture.ts';
import { decide } from './decide.ts';
import { decidedOtherwise } from './decided-otherwise.ts';
import type { Decision } from './decision.ts';
import { intentPolicy } from './intent-policy.ts';

const bySeed = 40;

/** A caller says another thing of itself. */
function withTeam(random: RandomNumber, files: IntentFiles): IntentFiles {
  const path = `services/${pick(random, ['a', 'b', 'c'])}.yaml`;
  const service = JSON.parse(files.get(path) ?? '{}') as object;
  const attributes = { team: pick(random, ['money', 'goods', 'other']) };
  return new Map(files).set(path, JSON.stringify({ ...service, attributes }));
}

describe('a service that is not named by decidedOtherwise', () => {
  it('is decided as before, whoever sends what', (t) => {
    const met = { same: 0, named: 0, namedInVain: 0 };
    for (const seed of seedsFor(16_000, bySeed)) {
      const random = seeded(seed);
      const before = randomWritten(random);
      const after = random() < 0.5 ? before : changedWritten(random, before);
      const files = random() < 0.5 ? filesOf(after) : withTeam(random, filesOf(after));
      const [base, next] = [intentOf(before), intentOf(after, files)].map(intentPolicy);
      assert.ok(base && next);
      const isNamed = [...decidedOtherwise(base.document, next.document)].includes(callee as never);
      let differ = 0;
      for (let at = 0; at < bySeed; at += 1) {
        const request = requestOf(randomSent(random, before.protocol));
        const was = told(decide(base.policy, request));
        const is = told(decide(next.policy, request));
        const isSame = was === is;
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ before, after, request, was, is })}`;
        assert.ok(isSame || isNamed, where);
        if (!isSame) differ += 1;
      }
      if (!isNamed) met.same += 1;
      else if (differ > 0) met.named += 1;
      else met.namedInVain += 1;
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(met.same > 50 && met.named > 50, JSON.stringify(met));
  });
});

/** How a denial is explained may be another one. */
function told(decision: Decision): string {
  return decision.kind === 'depends' ? 'depends' : `${decision.kind} by ${decision.rule?.id}`;
}

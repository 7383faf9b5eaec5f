import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import {
  changedWritten,
  intentOf,
  randomSent,
  randomWritten,
  requestOf,
  seedsFor,
} from '../explain/random-intent.fixture.ts';
import { decide } from './decide.ts';
import { decideSeen } from './decide-seen.ts';
import type { Decision } from './decision.ts';
import { noToken, nothingKnown, type RequestFacts, unknown } from './facts.ts';
import { intentPolicy } from './intent-policy.ts';

const bySeed = 40;

describe('what a shadow says of a request of which only the log is known', () => {
  it('is what it decides about the very request, unless that depends', (t) => {
    const met = { same: 0, other: 0, depends: 0 };
    for (const seed of seedsFor(8_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const other = changedWritten(random, written);
      const [live, shadow] = [written, other].map((one) => intentPolicy(intentOf(one)).policy);
      assert.ok(live && shadow);
      for (let at = 0; at < bySeed; at += 1) {
        const request = requestOf(randomSent(random, written.protocol));
        const was: Decision = decide(live, request);
        const is: Decision = decide(shadow, request);
        assert.ok(was.kind !== 'depends');
        const { host, timeMs, id } = request.facts;
        const token = request.action.kind === 'connect' ? noToken : unknown;
        const facts: RequestFacts = { ...nothingKnown, host, timeMs, id, token };
        const seen = { ...request, facts };
        const verdict = { verdict: was.kind, rule: was.rule?.id };
        const found = decideSeen({ live, shadow }, seen, verdict);
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, other, request, verdict, found, is })}`;
        if (found.kind === 'depends') met.depends += 1;
        else {
          assert.equal(found.kind, is.kind, where);
          met[was.kind === is.kind ? 'same' : 'other'] += 1;
        }
      }
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(met.depends < met.same / 4 && met.other > met.same / 100, JSON.stringify(met));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import type { Intent } from '../model/types.ts';
import type { Flow, ServiceFlows } from '../policy/flow.ts';
import { pathTemplate } from '../policy/path-template.ts';
import {
  asksForAnother,
  callee,
  intentOf,
  randomSent,
  randomWritten,
  readOtherwise,
  type Sent,
  seedsFor,
  spiffeIdOf,
  type WrittenIntent,
} from './random-intent.fixture.ts';
import { ruleStandings } from './unused-rules.ts';
import { decisionOn } from './why.ts';

const bySeed = 30;

/** What a proxy and its desk keep of it. */
function flowOf({ from, request, facts }: Sent, intent: Intent): Flow {
  const decision = decisionOn(intent, { from, to: callee, request, facts });
  assert.ok(decision.kind !== 'depends');
  const { kind: verdict, rule } = decision;
  return {
    caller: spiffeIdOf(from),
    method: request?.method ?? 'connect',
    path: request === undefined ? '' : pathTemplate(decodeURI(request.path)),
    ...{ verdict, requests: 1, firstMs: 1, lastMs: 2 },
    ...(rule === undefined ? {} : { rule: rule.id }),
    ...(asksForAnother(facts) ? { isOverridden: true } : {}),
  };
}

function toldOf(written: WrittenIntent, flows: readonly Flow[]): ServiceFlows {
  const rules = written.rules.map(({ id }) => {
    const met = flows.filter(({ rule }) => rule === id);
    return { rule: id, knownMs: 1, requests: met.length, ...(met.length > 0 && { lastMs: 2 }) };
  });
  return { service: callee, sinceMs: 1, isPartial: false, flows, rules };
}

describe('rules that no request met', () => {
  it('can all go, and every request that came gets the same answer', (t) => {
    const met = { used: 0, unused: 0, 'cannot be told': 0, 'read otherwise': 0 };
    for (const seed of seedsFor(24_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const isOdd = random() < 0.3;
      const sent = Array.from({ length: bySeed }, () => {
        const one = randomSent(random, written.protocol);
        return isOdd ? readOtherwise(random, one) : one;
      });
      if (isOdd) met['read otherwise'] += 1;
      const intent = intentOf(written);
      const told = toldOf(
        written,
        sent.map((one) => flowOf(one, intent)),
      );
      const standings = ruleStandings(intent, [told], 1);
      const unused = new Set<string>();
      for (const { rule, standing } of standings) {
        met[standing.kind] += 1;
        if (standing.kind === 'unused') unused.add(rule.id);
      }
      const rest = { ...written, rules: written.rules.filter(({ id }) => !unused.has(id)) };
      const after = intentOf(rest);
      for (const one of sent) {
        const [was, is] = [intent, after].map((at) => decisionOn(at, { ...one, to: callee }).kind);
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, one, unused: [...unused] })}`;
        assert.equal(is, was, where);
      }
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(
      Object.values(met).every((count) => count > 50),
      JSON.stringify(met),
    );
  });
});

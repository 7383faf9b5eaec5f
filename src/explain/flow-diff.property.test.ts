import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import type { Decision } from '../policy/decision.ts';
import { policyDocument } from '../policy/document.ts';
import type { Flow } from '../policy/flow.ts';
import { pathTemplate } from '../policy/path-template.ts';
import { flowDiff } from './flow-diff.ts';
import {
  callee,
  changedWritten,
  intentOf,
  randomSent,
  randomWritten,
  type Sent,
  seedsFor,
  spiffeIdOf,
} from './random-intent.fixture.ts';
import { decisionOn } from './why.ts';

const bySeed = 30;

/** What the log of a proxy keeps of it. */
function flowOf({ from, request }: Sent, was: Decision | undefined): Flow {
  assert.ok(was && was.kind !== 'depends');
  const { kind: verdict, rule } = was;
  return {
    caller: spiffeIdOf(from),
    method: request?.method ?? 'connect',
    path: request === undefined ? '' : pathTemplate(request.path),
    ...{ verdict, requests: 1, firstMs: 1, lastMs: 2 },
    ...(rule === undefined ? {} : { rule: rule.id }),
  };
}

describe('what becomes of recorded traffic', () => {
  it('is what the second policy decides about the very request, unless it is uncertain', (t) => {
    const met = { 'newly denied': 0, 'newly allowed': 0, uncertain: 0, unchanged: 0, changed: 0 };
    for (const seed of seedsFor(6_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const other = changedWritten(random, written);
      const [before, after] = [intentOf(written), intentOf(other)];
      const sent = Array.from({ length: bySeed }, () => randomSent(random, written.protocol));
      const kinds = sent.map((one) => {
        const [was, is] = [before, after].map((intent) =>
          decisionOn(intent, { ...one, to: callee }),
        );
        assert.ok(was && is);
        return { was, is };
      });
      const flows = sent.map((one, at) => flowOf(one, kinds[at]?.was));
      const told = { service: callee, sinceMs: 0, isPartial: false, rules: [], flows };
      const verdicts = flowDiff(policyDocument(before), policyDocument(after), [told]);
      for (const [at, { effect, on }] of verdicts.entries()) {
        met[effect] += 1;
        const { was, is } = kinds[at] ?? {};
        if (was?.kind !== is?.kind) met.changed += 1;
        const truth =
          was?.kind === is?.kind
            ? 'unchanged'
            : is?.kind === 'deny'
              ? 'newly denied'
              : 'newly allowed';
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, other, sent: sent[at], flow: flows[at], effect, on, truth })}`;
        if (effect === 'uncertain') assert.ok(on.length > 0, where);
        else assert.equal(effect, truth, where);
      }
    }
    t.diagnostic(JSON.stringify(met));
  });
});

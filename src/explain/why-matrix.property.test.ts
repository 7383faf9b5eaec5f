import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import { coversPath, matchesPath, parsePathPattern } from '../model/path-pattern.ts';
import type { PathPattern } from '../model/types.ts';
import {
  callee,
  forgotten,
  identities,
  intentOf,
  randomSent,
  randomWritten,
  seedsFor,
} from './random-intent.fixture.ts';
import { decisionOn } from './why.ts';
import { whyMatrix } from './why-matrix.ts';

const bySeed = 60;

function narrowest(patterns: readonly PathPattern[], path: string): string | undefined {
  const met = patterns.filter((pattern) => matchesPath(pattern, path));
  const found = met.filter((one) => met.every((other) => coversPath(other, one)));
  assert.ok(found.length === 1 || met.length === 0, JSON.stringify([met, path]));
  return found[0]?.text;
}

function patternFor(text: string): PathPattern {
  const parsed = parsePathPattern(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

describe('the matrix of why', () => {
  it('tells of each request what the engine decides, in the narrowest row that its path is in', (t) => {
    const met = { allow: 0, deny: 0, depends: 0, 'no row': 0 };
    for (const seed of seedsFor(6_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const intent = intentOf(written);
      const readsPath = JSON.stringify(written).includes('request.path');
      const facts = forgotten(random, randomSent(random, written.protocol).facts);
      for (const from of identities) {
        const question = { from, to: callee, facts };
        const { patterns: rows, methods, cells } = whyMatrix(intent, question);
        const patterns = rows.map(patternFor);
        for (let at = 0; at < bySeed / identities.length; at += 1) {
          const { request } = randomSent(random, written.protocol);
          if (request === undefined || !methods.includes(request.method)) continue;
          const decision = decisionOn(intent, { ...question, request });
          const row = narrowest(patterns, request.path);
          const cell = cells.find(({ path, method }) => path === row && method === request.method);
          met[cell?.verdict ?? 'no row'] += 1;
          const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, facts, from, request, decision, cell })}`;
          if (cell?.verdict === 'depends' && readsPath) continue;
          assert.equal(decision.kind, cell?.verdict ?? 'deny', where);
          // Of a denial that stands anyway a condition on the path may say who is named.
          if (readsPath) continue;
          const [rule] = decision.kind === 'depends' ? decision.rules : [decision.rule];
          assert.equal(rule?.id, cell?.rule, where);
        }
      }
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(
      Object.values(met).every((count) => count > 100),
      JSON.stringify(met),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import { policyDocument } from '../policy/document.ts';
import { type RequestFacts, unknown } from '../policy/facts.ts';
import { regionsCover } from './path-space.ts';
import { policySpaceDiff, type SpaceCell } from './policy-space.ts';
import {
  callee,
  changedWritten,
  intentOf,
  randomSent,
  randomWritten,
  type Sent,
  seedsFor,
} from './random-intent.fixture.ts';
import { decisionOn } from './why.ts';

const bySeed = 60;

describe('the difference of two policies with all that the language has', () => {
  it('leaves out no request that gets another answer', (t) => {
    const met = { changed: 0, unchanged: 0 };
    for (const seed of seedsFor(9_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const other = changedWritten(random, written);
      const [before, after] = [intentOf(written), intentOf(other)];
      const { cells } = policySpaceDiff(policyDocument(before), policyDocument(after));
      const names = JSON.stringify([written, other]);
      for (let at = 0; at < bySeed; at += 1) {
        const sent = randomSent(random, written.protocol);
        const [was, is] = [before, after].map(
          (intent) => decisionOn(intent, { ...sent, to: callee }).kind,
        );
        met[was === is ? 'unchanged' : 'changed'] += 1;
        if (was === is) continue;
        const isCovered = cells.some((cell) => cell.callee === callee && covers(cell, sent, names));
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ sent, was, is, written, other, cells })}`;
        assert.ok(isCovered, where);
      }
    }
    t.diagnostic(JSON.stringify(met));
    assert.ok(met.changed > met.unchanged / 50, JSON.stringify(met));
  });
});

function covers({ who, what, people }: SpaceCell, sent: Sent, names: string): boolean {
  const { from, request, facts } = sent;
  const isNamed = !from.startsWith('spiffe://') || names.includes(`"${from}"`);
  const asker = isNamed ? from : 'spiffe://partner.test/**';
  const person = peopleBehind(facts).find((one) => people.includes(one));
  if (!who.some((one) => one.caller === asker && one.person === person)) return false;
  if (what.kind === 'connect' || request === undefined) return what.kind === 'connect' && !request;
  const isMethod = what.methods.includes('*')
    ? !what.exceptMethods.includes(request.method)
    : what.methods.includes(request.method);
  return isMethod && regionsCover(what.paths, request.path);
}

/** As its issuer names somebody, and as any does. */
function peopleBehind({ token }: RequestFacts): readonly string[] {
  if (token === unknown || token.kind !== 'valid' || token.token.onlyForRules) return [];
  const { issuerName, person } = token.token;
  return [`${issuerName}/${person}`, `${person}`];
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import type { Decision } from '../policy/decision.ts';
import { type RequestFacts, unknown } from '../policy/facts.ts';
import {
  callee,
  forgettable,
  forgotten,
  identities,
  intentOf,
  randomSent,
  randomWritten,
  readOtherwise,
  seedsFor,
  worlds,
} from './random-intent.fixture.ts';
import { whoCan } from './who-can.ts';
import { decisionOn } from './why.ts';

const bySeed = 15;
/** Everything that it may be. */
function fillings(facts: RequestFacts): readonly RequestFacts[] {
  const { moreHeaders: _, ...rest } = facts;
  let found: readonly RequestFacts[] = [rest];
  for (const name of forgettable) {
    const values: readonly unknown[] =
      name === 'headers' && facts.headers !== unknown && facts.moreHeaders
        ? moreOf(facts.headers)
        : facts[name] === unknown
          ? worlds[name]
          : [facts[name]];
    found = found.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return found;
}

const factOf: Readonly<Record<string, (typeof forgettable)[number]>> = {
  ...{ 'request.host': 'host', 'request.query': 'query', 'source.address': 'address' },
  ...{ time: 'timeMs', token: 'token' },
};

/** All that is named may be anything; what is not stays as little known as it is. */
function namedFillings(facts: RequestFacts, on: readonly string[]): readonly RequestFacts[] {
  const named = new Set(on.map((name) => factOf[name] ?? 'headers'));
  const left = forgettable.filter((name) => !named.has(name));
  const more = facts.moreHeaders && !named.has('headers') ? { moreHeaders: true as const } : {};
  const kept = Object.fromEntries(left.map((name) => [name, facts[name]]));
  return fillings(facts).map((one) => ({ ...one, ...kept, ...more }));
}

/** Of a name that is known, all lines are. */
function moreOf(known: Exclude<RequestFacts['headers'], typeof unknown>) {
  return worlds.headers.map((lines) => [
    ...known,
    ...lines.filter(([name]) => !known.some(([other]) => other === name)),
  ]);
}

describe('why with something left out', () => {
  it('stays as it is when it is definite, and mostly goes both ways when it depends', (t) => {
    const met = { allow: 0, deny: 0, depends: 0, oneWay: 0 };
    for (const seed of seedsFor(600, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const intent = intentOf(written);
      for (let at = 0; at < bySeed; at += 1) {
        const sent = readOtherwise(random, randomSent(random, written.protocol));
        const facts = forgotten(random, sent.facts);
        const ask = (known: RequestFacts): Decision =>
          decisionOn(intent, { ...sent, to: callee, facts: known });
        const decision = ask(facts);
        met[decision.kind] += 1;
        const found = new Set(fillings(facts).map((one) => ask(one).kind));
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, sent, decision })}`;
        assert.ok(!found.has('depends'), `all is known: ${where}`);
        if (decision.kind !== 'depends') {
          assert.deepEqual([...found], [decision.kind], where);
          continue;
        }
        if (found.size === 1) met.oneWay += 1;
        for (const one of namedFillings(facts, decision.on)) {
          const then = ask(one);
          assert.ok(then.kind !== 'depends', `what it hangs on is not all: ${where}`);
        }
      }
    }
    t.diagnostic(JSON.stringify(met));
    // Two rules may look at the same, such as an allow and a deny for one host: that is not followed.
    assert.ok(met.oneWay < met.depends / 8, JSON.stringify(met));
  });
});

/** Whom nothing names is one of a trust domain. */
function lineFor(from: string, written: string): string {
  const isNamed = !from.startsWith('spiffe://') || written.includes(`"${from}"`);
  return isNamed ? from : 'spiffe://partner.test/**';
}

describe('who-can', () => {
  it('leaves out nobody who may be let in, and names nobody who may not', (t) => {
    const met = { listed: 0, unlisted: 0 };
    for (const seed of seedsFor(240, 3)) {
      const random = seeded(seed);
      const written = randomWritten(random);
      const intent = intentOf(written);
      for (let at = 0; at < 3; at += 1) {
        const sent = randomSent(random, written.protocol);
        const facts = forgotten(random, sent.facts);
        const found = whoCan(intent, { to: callee, request: sent.request, facts });
        for (const from of identities) {
          const decisions = fillings(facts).map(
            (one) => decisionOn(intent, { ...sent, from, to: callee, facts: one }).kind,
          );
          const line = lineFor(from, JSON.stringify(written));
          const listed = found.callers.find(({ name }) => name === line);
          const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, sent, from, listed })}`;
          if (decisions.includes('allow')) assert.ok(listed !== undefined, where);
          if (listed?.verdict === 'ALLOW') assert.ok(!decisions.includes('deny'), where);
          met[listed ? 'listed' : 'unlisted'] += 1;
        }
      }
    }
    t.diagnostic(JSON.stringify(met));
  });
});

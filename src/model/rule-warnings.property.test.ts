import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  callee,
  filesOf,
  intentOf,
  randomSent,
  randomWritten,
  seedsFor,
  type WrittenIntent,
} from '../explain/random-intent.fixture.ts';
import { decisionOn } from '../explain/why.ts';
import { seeded } from '../policy/random.fixture.ts';
import { parseIntent } from './parse.ts';

const bySeed = 60;

/** The ids of rules that are warned of, by code. */
function warnedOf(written: WrittenIntent): readonly (readonly [code: string, id: string])[] {
  return parseIntent(filesOf(written)).findings.flatMap(({ code, message }) => {
    const id = /rule "(r\d+)"/.exec(message)?.[1];
    return id === undefined || !['CH1118', 'CH1119'].includes(code) ? [] : [[code, id] as const];
  });
}

describe('rules that are warned of', () => {
  it('can all go, and nobody gets another answer', (t) => {
    const met = new Map<string, number>();
    let asked = 0;
    for (const seed of seedsFor(12_000, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random, { rulesMax: 10, plainShare: 0.5 });
      const warned = warnedOf(written);
      if (warned.length === 0) continue;
      for (const [code] of warned) met.set(code, (met.get(code) ?? 0) + 1);
      const gone = new Set(warned.map(([, id]) => id));
      const rest = { ...written, rules: written.rules.filter(({ id }) => !gone.has(id)) };
      const [before, after] = [intentOf(written), intentOf(rest)];
      for (let at = 0; at < bySeed; at += 1) {
        const sent = { ...randomSent(random, written.protocol), to: callee };
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ written, sent, warned })}`;
        assert.equal(decisionOn(after, sent).kind, decisionOn(before, sent).kind, where);
        asked += 1;
      }
    }
    t.diagnostic(`${asked} requests, ${[...met].join('; ')}`);
    assert.ok(met.size === 2, 'each warning was met');
  });

  it('a trust domain covers each of its identities, and a person those whom one issuer names so', () => {
    const one = (from: string, wide: string) =>
      warnedOf({
        ...{ protocol: 'http', team: 'money', roles: { red: ['a'], blue: ['a'], idle: ['a'] } },
        rules: [
          { id: 'r1', effect: 'allow', fields: { from, to: 'GET /x' } },
          { id: 'r2', effect: 'allow', fields: { from: wide, to: 'GET /**' } },
        ],
      });
    const domain = 'spiffe://partner.test/**';
    assert.deepEqual(one('spiffe://partner.test/desk', domain), [['CH1119', 'r1']]);
    assert.deepEqual(one('person:login/alice', 'person:alice'), [['CH1119', 'r1']]);
    assert.deepEqual(one(domain, 'spiffe://partner.test/desk'), []);
    assert.deepEqual(one('person:alice', 'person:login/alice'), []);
    assert.deepEqual(one('person:login/alice', 'person:door/alice'), []);
    assert.deepEqual(one('person:alice', '*'), []);
  });

  it('a person who is named for a tcp service goes, and nobody gets another answer', () => {
    const from = ['a', 'person:login/alice'];
    const written: WrittenIntent = {
      ...{ protocol: 'tcp', team: 'money', roles: { red: ['a'], blue: ['a'], idle: ['a'] } },
      rules: [{ id: 'r1', effect: 'allow', fields: { from } }],
    };
    const found = parseIntent(filesOf(written)).findings.map(({ code }) => code);
    assert.deepEqual(found, ['CH1142']);
    const random = seeded(1);
    const ask = (name: string) => {
      const { facts } = randomSent(random, 'http');
      return decisionOn(intentOf(written), { from: name, to: callee, request: undefined, facts })
        .kind;
    };
    assert.deepEqual(
      Array.from({ length: 20 }, () => ask('b')),
      Array(20).fill('deny'),
    );
    assert.equal(ask('a'), 'allow');
  });
});

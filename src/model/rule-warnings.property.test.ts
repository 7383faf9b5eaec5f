import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
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
import { idleRules } from './idle-rules.ts';
import { parseOperation } from './operation.ts';
import { parseIntent } from './parse.ts';
import type { Principal, RoleName, Rule, RuleId, ServiceName } from './types.ts';

const bySeed = 60;

function ruleFor(at: number, to: string): Rule {
  const operation = parseOperation(to, 'http');
  assert.ok(operation.ok);
  const services = Array.from({ length: 200 }, (_, one) => `s${one}` as ServiceName);
  const role = { kind: 'role', role: 'red' as RoleName, services, guests: [] } as const;
  const whom: readonly Principal[] = [
    { kind: 'service', service: 's1' as ServiceName },
    { kind: 'any' },
    role,
  ];
  const from = whom.slice(at % 3, (at % 3) + 1);
  const place = { file: 'p.yaml', line: at + 1, column: 1, length: 1 };
  return {
    ...{ id: `r${at}` as RuleId, at: place, effect: 'allow', from, to: [operation.value] },
    ...{ conditions: undefined, mode: 'enforce', description: undefined },
  };
}

/** Each path of three segments and less, by methods and callers of which one is named by no rule. */
function everyRequest() {
  const words = ['x', 'y', 'z', 'other'];
  const deeper = (paths: readonly string[]) =>
    paths.flatMap((path) => words.map((word) => `${path}/${word}`));
  const one = deeper(['']);
  const named = [...one, ...deeper(one), ...deeper(deeper(one))];
  const paths = ['/', ...named, ...named.map((path) => `${path}/`)];
  const { facts } = randomSent(seeded(1), 'http');
  return ['a', 'b', 'c', 'd', callee].flatMap((from) =>
    ['GET', 'POST', 'PUT'].flatMap((method) =>
      paths.map((path) => ({ from, to: callee, request: { method, path }, facts })),
    ),
  );
}

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

  it('are all that can go, where rules look at nothing but who and what', (t) => {
    const met = { kept: 0, idle: 0 };
    const asked = everyRequest();
    for (const seed of seedsFor(1_500, bySeed)) {
      const random = seeded(seed);
      const written = randomWritten(random, { plainShare: 1 });
      if (written.protocol !== 'http') continue;
      const idle = new Set(warnedOf(written).map(([, id]) => id));
      const rules = written.rules.filter(({ id }) => !idle.has(id));
      met.idle += idle.size;
      const answers = (some: WrittenIntent['rules']): readonly string[] => {
        const intent = intentOf({ ...written, rules: some });
        return asked.map((sent) => decisionOn(intent, sent).kind);
      };
      const before = answers(rules);
      for (const rule of rules.filter(({ effect }) => effect === 'allow')) {
        met.kept += 1;
        const after = answers(rules.filter((one) => one !== rule));
        const where = `CHANCERY_SEED=${seed}: ${JSON.stringify({ rule, written })}`;
        assert.notDeepEqual(after, before, where);
      }
    }
    t.diagnostic(JSON.stringify(met));
  });

  const idle = (...rules: readonly (readonly ['allow' | 'deny', from: string, to: string])[]) =>
    warnedOf({
      ...{ protocol: 'http', team: 'money', roles: { red: ['a', 'b'], blue: ['c'], idle: ['d'] } },
      rules: rules.map(([effect, from, request], at) => ({
        ...{ id: `r${at}`, effect, fields: { from, to: { request: request.split(', ') } } },
      })),
    });

  it('are covered by several: by path, by method, by caller, and by denials and allows together', () => {
    const whole = ['allow', 'a', '* /x/**'] as const;
    const some = [
      ['deny', 'a', '* /x'],
      ['deny', '*', '* /x/*/**'],
    ] as const;
    assert.deepEqual(idle(whole, ...some), [['CH1118', 'r0']]);
    assert.deepEqual(
      idle(['allow', 'a', 'GET /x, POST /x'], ['allow', 'a', 'GET /**'], ['allow', '*', 'POST /*']),
      [['CH1119', 'r0']],
    );
    assert.deepEqual(
      idle(['allow', 'role:red', 'GET /x'], ['allow', 'a', 'GET /*'], ['allow', 'b', 'GET /**']),
      [['CH1119', 'r0']],
    );
    assert.deepEqual(
      idle(['allow', 'a', 'GET /x/**'], ['deny', 'a', '* /x/y/**'], ['allow', 'a', 'GET /x/*/**']),
      [['CH1119', 'r2']],
    );
    assert.deepEqual(
      idle(['allow', 'a', 'GET /x/*'], ['deny', '*', 'GET /x/*'], ['allow', 'a', 'GET /x/y']),
      [
        ['CH1118', 'r0'],
        ['CH1118', 'r2'],
      ],
    );
    assert.deepEqual(idle(['allow', 'a', 'GET /x'], ['deny', 'a', 'GET /x/']), [['CH1118', 'r0']]);
    assert.deepEqual(
      idle(['allow', 'a', 'GET /x/**'], ['deny', 'a', 'GET /x'], ['allow', '*', 'GET /x/*/**']),
      [['CH1119', 'r0']],
    );
  });

  it('are not covered by all methods or segments that somebody names, as long as there may be others', () => {
    assert.deepEqual(idle(['allow', 'a', '* /x'], ['allow', 'a', 'GET /x, POST /x, PUT /x']), [
      ['CH1119', 'r1'],
    ]);
    assert.deepEqual(idle(['deny', 'a', 'GET /x/y, GET /x/z'], ['allow', 'a', 'GET /x/*']), []);
    assert.deepEqual(idle(['deny', 'role:red', 'GET /x'], ['allow', '*', 'GET /x']), []);
  });

  it('one that makes a guest known stays where rules are for people', () => {
    const guest = ['allow', 'spiffe://partner.test/desk', 'GET /x'] as const;
    const none = ['deny', '*', 'GET /x'] as const;
    assert.deepEqual(idle(guest, none), [['CH1118', 'r0']]);
    assert.deepEqual(idle(guest, none, ['allow', 'person:login/alice', 'GET /**']), []);
  });

  it('10,000 rules cost milliseconds, whatever they are like', (t) => {
    const shapes: readonly ((at: number) => string)[] = [
      (at) => `GET /s${at}/**`,
      (at) => `* /*/s${at % 700}/**`,
      (at) => `GET /s${at % 100}${'/*'.repeat(at % 40)}/**`,
      () => '* /**',
    ];
    for (const shape of shapes) {
      const allow = Array.from({ length: 10_000 }, (_, at) => ruleFor(at, shape(at)));
      const startMs = performance.now();
      const found = idleRules(allow, []);
      const tookMs = performance.now() - startMs;
      t.diagnostic(`${shape(7)}: ${found.length} idle, ${Math.round(tookMs)} ms`);
      assert.ok(tookMs < 5_000);
    }
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

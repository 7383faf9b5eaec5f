import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import type { Guest } from '../model/condition-types.ts';
import type { RoleName, ServiceName } from '../model/types.ts';
import { compilePolicy } from '../policy/compiled-policy.ts';
import { decide } from '../policy/decide.ts';
import type { Action } from '../policy/decision.ts';
import type { PolicyDocument, PolicyPrincipal, PolicyRule } from '../policy/document.ts';
import { type HeaderLines, noToken, nothingKnown, type TokenStanding } from '../policy/facts.ts';
import { sketchPolicy } from '../policy/policy.fixture.ts';
import { randomAction, randomCaller, randomPolicy } from '../policy/random.fixture.ts';
import { regionsCover } from './path-space.ts';
import type { Who } from './policy-answer.ts';
import { policySpaceDiff, type SpaceCell, type SpaceDiff } from './policy-space.ts';

function covers({ what, who, people }: SpaceCell, asker: Who, action: Action): boolean {
  const known = people.find((one) => one === asker.person);
  const isWho = who.some(({ caller, person }) => caller === asker.caller && person === known);
  if (!isWho) return false;
  if (what.kind === 'connect' || action.kind === 'connect') return what.kind === action.kind;
  const isMethod = what.methods.includes('*')
    ? !what.exceptMethods.includes(action.method)
    : what.methods.includes(action.method);
  return isMethod && regionsCover(what.paths, action.path);
}

/** One header a condition, so that conditions are as independent as their names are. */
const headerNames = ['a', 'b'];

function withConditions(document: PolicyDocument, random: RandomNumber): PolicyDocument {
  const alice = 'person:alice' as Guest;
  const partner = 'spiffe://partner.test/**' as Guest;
  const rule = (one: PolicyRule): PolicyRule => {
    const guest: PolicyPrincipal = { kind: 'guest', guest: pick(random, [alice, partner]) };
    const value = { kind: 'exact', text: '1' } as const;
    const name = pick(random, headerNames);
    return {
      ...one,
      from: random() < 0.15 ? [...one.from, guest] : one.from,
      ...(random() < 0.4 ? { conditions: { headers: [{ name, value }], hosts: [] } } : {}),
      ...(random() < 0.1 ? { mode: 'audit' as const } : {}),
    };
  };
  return {
    ...document,
    version: 2,
    issuers: [],
    roles: document.roles.map((role) => (random() < 0.2 ? { ...role, guests: [alice] } : role)),
    services: document.services.map((service) => ({ ...service, rules: service.rules.map(rule) })),
  };
}

/** Another one, or the same but for a rule or two. */
function changed(document: PolicyDocument, random: RandomNumber): PolicyDocument {
  if (random() < 0.3) return withConditions(randomPolicy(random, 6), random);
  const other = withConditions(randomPolicy(random, 6), random);
  return {
    ...document,
    services: document.services.map((service, at) => ({
      ...service,
      rules: service.rules.flatMap((rule, place) => {
        if (random() < 0.8) return [rule];
        const instead = other.services[at]?.rules[place];
        return instead === undefined ? [] : [{ ...instead, id: rule.id }];
      }),
    })),
  };
}

const headerSets: readonly HeaderLines[] = [
  [],
  [['a', '1']],
  [['b', '1']],
  [
    ['a', '1'],
    ['b', '1'],
  ],
];

/** What it gets under each set of headers. */
function answers(
  policy: ReturnType<typeof compilePolicy>,
  { caller, person }: Who,
  callee: string,
  action: Action,
): string {
  const token: TokenStanding =
    person === undefined
      ? noToken
      : {
          kind: 'valid',
          token: {
            ...{ issuerName: '', issuer: '', subject: '', person, audiences: [], scopes: [] },
            ...{ claims: {}, expiresMs: 0 },
          },
        };
  const foreign = caller.startsWith('spiffe://');
  const who = foreign
    ? { trustDomain: 'partner.test', name: 'desk' }
    : { trustDomain: 'acme', name: caller };
  return headerSets
    .map((headers) => {
      const facts = { ...nothingKnown, token, headers };
      return decide(policy, { caller: who, callee, action, facts }).kind === 'allow' ? '1' : '0';
    })
    .join('');
}

describe('the difference of what two policies permit', () => {
  it('covers a request if and only if its answer changes, over 30,000 of them', () => {
    let [met, unmet] = [0, 0];
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = seeded(seed);
      const before = withConditions(randomPolicy(random, 6), random);
      const after = changed(before, random);
      const diff = policySpaceDiff(before, after);
      assert.deepEqual(diff.tooLarge, []);
      const [one, other] = [compilePolicy(before), compilePolicy(after)];
      for (let at = 0; at < 200; at += 1) {
        const caller = random() < 0.1 ? 'spiffe://partner.test/**' : randomCaller(random);
        const who = { caller, person: random() < 0.3 ? 'alice' : undefined };
        const callee = randomCaller(random);
        const action = randomAction(random);
        const differs = answers(one, who, callee, action) !== answers(other, who, callee, action);
        const where = `seed ${seed}: ${JSON.stringify(who)} to ${callee} ${JSON.stringify(action)}`;
        assert.equal(coveredBy(diff, who, callee, action), differs, where);
        if (differs) met += 1;
        else unmet += 1;
      }
    }
    assert.ok(met > 1_500 && unmet > 3_000, `${met} changed, ${unmet} did not`);
  });

  it('says what was taken away in the patterns of rules', () => {
    const before = sketchPolicy({ services: { a: [], b: [], p: ['allow a GET /v1/**'] } });
    const after = sketchPolicy({ services: { a: [], b: [], p: ['allow a GET /v1/charges/**'] } });
    const { cells } = policySpaceDiff(before, after);
    assert.equal(cells.length, 1);
    const [cell] = cells;
    assert.equal(cell?.effect, 'removed');
    assert.deepEqual(cell?.who, [{ caller: 'a', person: undefined }]);
    assert.deepEqual(cell?.what, {
      ...{ kind: 'http', methods: ['GET'], exceptMethods: [] },
      paths: [{ path: '/v1/**', except: [{ path: '/v1/charges/**', except: [] }] }],
    });
  });

  it('joins callers and methods that change alike, and an id, a line or an order changes nothing', () => {
    const rules = ['allow a GET /x/*', 'allow b * /x/*'];
    const before = sketchPolicy({ services: { a: [], b: [], p: rules } });
    const swapped = sketchPolicy({ services: { a: [], b: [], p: rules.toReversed() } });
    assert.deepEqual(policySpaceDiff(before, swapped).cells, []);
    const after = sketchPolicy({ services: { a: [], b: [], p: ['allow a,b * /x/*'] } });
    const [cell, ...more] = policySpaceDiff(before, after).cells;
    assert.deepEqual(more, []);
    assert.deepEqual(cell?.what, {
      ...{ kind: 'http', methods: ['*'], exceptMethods: ['GET'] },
      paths: [{ path: '/x/*', except: [] }],
    });
    assert.deepEqual(
      cell?.who.map(({ caller }) => caller),
      ['a'],
    );
  });

  it('a role that loses a member takes away what its rules allowed', () => {
    const sketch = (members: readonly string[]) =>
      sketchPolicy({
        services: { a: [], b: [], p: ['allow role:desk GET /x'] },
        roles: { desk: members },
      });
    const { cells } = policySpaceDiff(sketch(['a', 'b']), sketch(['b']));
    assert.deepEqual(
      cells.map(({ effect, who }) => [effect, who.map(({ caller }) => caller)]),
      [['removed', ['a']]],
    );
  });

  it('says of a callee that is too large that it is, and of the others what changes', () => {
    const patterns = Array.from({ length: 24 }, (_, at) => {
      const segments = Array.from({ length: 24 }, (_one, depth) => (depth === at ? 'n' : '*'));
      return `allow a GET /${segments.join('/')}`;
    });
    const before = sketchPolicy({ services: { a: [], p: [], q: [] } });
    const after = sketchPolicy({ services: { a: [], p: patterns, q: ['allow a GET /x'] } });
    const diff = policySpaceDiff(before, after);
    assert.deepEqual(diff.tooLarge, ['p']);
    assert.deepEqual(
      diff.cells.map(({ callee }) => callee),
      ['q'],
    );
  });

  it('a role of nobody and a service that is new permit nothing by themselves', () => {
    const before = sketchPolicy({ services: { a: [] } });
    const after = sketchPolicy({
      services: { a: [], b: [] as readonly string[] },
      roles: { r: [] },
    });
    assert.deepEqual(policySpaceDiff(before, after).cells, []);
    const named = { name: 'r' as RoleName, services: ['a' as ServiceName] };
    assert.deepEqual(policySpaceDiff(before, { ...after, roles: [named] }).cells, []);
  });
});

function coveredBy({ cells }: SpaceDiff, who: Who, callee: string, action: Action): boolean {
  return cells.some((cell) => cell.callee === callee && covers(cell, who, action));
}

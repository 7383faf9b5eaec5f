import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { matchesPath } from '../model/path-pattern.ts';
import type { Operation, PathPattern, RuleId } from '../model/types.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import { type Action, type Answer, answerOf } from './decision.ts';
import type { PolicyDocument, PolicyPrincipal, PolicyRule } from './document.ts';
import { plainNearMisses } from './near-misses.fixture.ts';
import { matchesSegments } from './path-index.ts';
import { numbered } from './principals.ts';
import {
  randomAction,
  randomCaller,
  randomPath,
  randomPattern,
  randomPolicy,
} from './random.fixture.ts';
import { findRule, indexRules } from './rule-index.ts';
import { firstNamed, type Way } from './rule-order.fixture.ts';
import { newTexts, wantedOf } from './texts.ts';

/** The rules of the language, read out plainly: every rule is looked at, none is indexed. */
function plainly(document: PolicyDocument, caller: string, callee: string, action: Action): string {
  const service = document.services.find(({ name }) => name === callee);
  if (service === undefined) return 'CH2104';
  const isKnown = document.services.some(({ name }) => name === caller);
  const isNamed = (who: PolicyPrincipal): boolean =>
    who.kind === 'any' ||
    (isKnown && who.kind === 'service' && who.service === caller) ||
    (isKnown &&
      who.kind === 'role' &&
      document.roles.some(
        (role) => role.name === who.role && role.services.some((member) => member === caller),
      ));
  const waysOf = (rule: PolicyRule): Way[] =>
    rule.to
      .filter((operation) => covers(rule.effect, operation, action))
      .flatMap((operation) =>
        rule.from.filter(isNamed).map(({ kind }) => ({
          ...{ id: rule.id, needs: 'certificate' as const, isAnyCaller: kind === 'any' },
          ...wayOf(rule.effect, operation),
        })),
      );
  const first = (effect: PolicyRule['effect']): string | undefined =>
    firstNamed(service.rules.filter((rule) => rule.effect === effect).flatMap(waysOf))?.id;
  const denied = first('deny');
  if (denied !== undefined) return `deny ${denied}`;
  if (!isKnown) return 'CH2105';
  const allowed = first('allow');
  return allowed === undefined ? 'CH2101' : `allow ${allowed}`;
}

function wayOf(effect: PolicyRule['effect'], operation: Operation): Pick<Way, 'method' | 'path'> {
  switch (operation.kind) {
    case 'connect':
      return { method: '', path: '' };
    case 'grpc':
      return { method: 'POST', path: `/${operation.service}/${operation.method}` };
    case 'http': {
      const { text } = operation.path;
      const isTrimmed = effect === 'deny' && text.length > 1;
      return { method: operation.method, path: isTrimmed ? text.replace(/\/$/, '') : text };
    }
  }
}

function covers(effect: PolicyRule['effect'], operation: Operation, action: Action): boolean {
  if (operation.kind === 'connect' || action.kind === 'connect') {
    return operation.kind === action.kind;
  }
  if (operation.kind === 'grpc') {
    const [, service, method, ...more] = action.path.split('/');
    const named = (wanted: string, got: string | undefined) =>
      got !== undefined && got !== '' && (wanted === '*' || wanted === got);
    const fits = named(operation.service, service) && named(operation.method, method);
    const ends = effect === 'deny' ? more.join('/') === '' : more.length === 0;
    return action.method === 'POST' && fits && ends;
  }
  const holdsMethod = operation.method === '*' || operation.method === action.method;
  const trimmed = action.path.length > 1 ? action.path.replace(/\/$/, '') : action.path;
  if (effect === 'allow') return holdsMethod && matchesPlainly(operation.path, action.path);
  const segments = operation.path.segments;
  const pattern = segments.length > 1 && segments.at(-1) === '' ? segments.slice(0, -1) : segments;
  return holdsMethod && matchesPlainly({ ...operation.path, segments: pattern }, trimmed);
}

function matchesPlainly(pattern: PathPattern, path: string): boolean {
  const source = pattern.segments
    .map((segment) => (segment === '**' ? '(?:/.*)?' : segment === '*' ? '/[^/]+' : `/${segment}`))
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

function brief(decision: Answer): string {
  if (decision.kind === 'allow') return `allow ${decision.rule.id}`;
  return decision.rule === undefined ? decision.code : `deny ${decision.rule.id}`;
}

test('the index decides 20,000 random requests, and names the rule, as a plain reading of the rules does', () => {
  const kinds = new Map<string, number>();
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = seeded(seed);
    const document = randomPolicy(random);
    const policy = compilePolicy(document);
    for (let at = 0; at < 200; at += 1) {
      const [caller, callee] = [randomCaller(random), randomCaller(random)];
      const action = randomAction(random);
      const found = brief(
        answerOf(decide(policy, { caller: { trustDomain: 'acme', name: caller }, callee, action })),
      );
      const expected = plainly(document, caller, callee, action);
      const context = `seed ${seed}: ${caller} -> ${callee} ${JSON.stringify(action)}`;
      assert.equal(found, expected, context);
      const kind = found.split(' ')[0] ?? '';
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  }
  for (const kind of ['allow', 'deny', 'CH2101', 'CH2104', 'CH2105']) {
    assert.ok((kinds.get(kind) ?? 0) > 400, `${kind} was met ${kinds.get(kind)} times only`);
  }
});

test('the order of services, roles, rules and alternatives never changes a decision or the rule it names', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seeded(seed);
    const document = randomPolicy(random);
    const shuffle = <T>(items: readonly T[]): T[] =>
      items
        .map((item) => ({ item, key: random() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item);
    const shuffled: PolicyDocument = {
      ...document,
      roles: shuffle(document.roles).map((role) => ({ ...role, services: shuffle(role.services) })),
      services: shuffle(document.services).map((service) => ({
        ...service,
        rules: shuffle(service.rules).map((rule) => ({
          ...rule,
          from: shuffle(rule.from),
          to: shuffle(rule.to),
        })),
      })),
    };
    const [one, other] = [compilePolicy(document), compilePolicy(shuffled)];
    for (let at = 0; at < 100; at += 1) {
      const request = {
        caller: { trustDomain: 'acme', name: randomCaller(random) },
        callee: randomCaller(random),
        action: randomAction(random),
      };
      const [first, second] = [one, other].map((policy) =>
        brief(answerOf(decide(policy, request))),
      );
      assert.equal(first, second, `seed ${seed}: ${JSON.stringify(request)}`);
    }
  }
});

/** What an index of this pattern alone says. */
function isIndexed(pattern: PathPattern, path: string): boolean {
  const at = { file: 'services/a.yaml', line: 1 };
  const to: Operation[] = [{ kind: 'http', method: 'GET', path: pattern }];
  const rule: PolicyRule = { id: 'r1' as RuleId, effect: 'allow', from: [{ kind: 'any' }], to, at };
  const texts = newTexts(['GET', ...pattern.segments], Math.max(1, pattern.segments.length));
  const index = indexRules([rule], 'allow', { texts, toValue: () => true });
  const anybody = numbered(texts, { allow: ['*'], deny: ['*'] });
  const wanted = wantedOf(texts, { kind: 'http', method: 'GET', path });
  return findRule(index, anybody, wanted) ?? false;
}

test('an index of one pattern, the pattern alone, the model and a regular expression match the same paths', () => {
  const random = seeded(7);
  let matched = 0;
  for (let at = 0; at < 20_000; at += 1) {
    const [pattern, path] = [randomPattern(random), randomPath(random)];
    const expected = matchesPlainly(pattern, path);
    const alone = matchesSegments(pattern.segments, path.split('/').slice(1));
    const indexed = isIndexed(pattern, path);
    const model = matchesPath(pattern, path);
    assert.deepEqual(
      [alone, indexed, model],
      [expected, expected, expected],
      `${pattern.text} against ${path}`,
    );
    if (expected) matched += 1;
  }
  assert.ok(matched > 1_000);
});

/** Together more than are looked at. */
function withManyOperations(document: PolicyDocument, random: RandomNumber): PolicyDocument {
  const more = randomPolicy(random, 80).services.flatMap(({ rules }) => rules);
  const operations = more.flatMap(({ to }) => to);
  return {
    ...document,
    services: document.services.map((service) => ({
      ...service,
      rules: service.rules.map((rule) =>
        random() < 0.8 ? rule : { ...rule, to: [...rule.to, ...operations, ...operations] },
      ),
    })),
  };
}

test('the near misses are those of all rules of which most holds, whoever else may have them', () => {
  let compared = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seeded(seed);
    // Up to a dozen rules, and more than are looked at.
    const document = randomPolicy(random, seed % 3 === 0 ? 400 : 12);
    const policy = compilePolicy(seed % 4 === 0 ? withManyOperations(document, random) : document);
    for (let at = 0; at < 200; at += 1) {
      const [caller, callee] = [randomCaller(random), randomCaller(random)];
      const action = randomAction(random);
      const decision = decide(policy, {
        caller: { trustDomain: 'acme', name: caller },
        callee,
        action,
      });
      const service = policy.services.get(callee);
      if (decision.kind !== 'deny' || decision.code !== 'CH2101' || service === undefined) continue;
      const principals = policy.callers.get(caller)?.allow ?? [];
      const expected = plainNearMisses(service, principals, action);
      const found = decision.closest.map(({ rule, clause }) => [rule.id, clause !== 'from']);
      const where = `seed ${seed}: ${caller} to ${callee} ${JSON.stringify(action)}`;
      assert.deepEqual(
        found,
        expected.map(({ id, named }) => [id, named]),
        where,
      );
      compared += 1;
    }
  }
  assert.ok(compared > 2_000, `${compared} were compared only`);
});

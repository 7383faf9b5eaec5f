import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declarations, type Given, ran } from './cel.fixture.ts';
import { checkCel } from './check.ts';
import { compileCel } from './compile.ts';
import { parseCel } from './parse.ts';
import { celUnknown } from './value.ts';

/** Each reads one claim, so that the four truths can stand on every side. */
type Truth = 'true' | 'false' | 'error' | 'unknown';
const truths: readonly Truth[] = ['true', 'false', 'error', 'unknown'];

function claims(...given: readonly Truth[]): Given {
  const entries = given.map((truth, index) => [`c${index}`, truth] as const);
  return {
    'token.claims': {
      size: entries.length,
      has: () => true,
      keys: () => entries.map(([key]) => key),
      get: (key) => {
        const truth = entries.find(([name]) => name === key)?.[1];
        if (truth === 'error') return { kind: 'fault', message: 'broken' };
        return truth === 'unknown' ? celUnknown(String(key)) : truth === 'true';
      },
    },
  };
}

function truthOf(text: string, ...given: readonly Truth[]): Truth {
  const result = ran(text, claims(...given));
  if (typeof result === 'boolean') return result ? 'true' : 'false';
  return String(result).startsWith('unknown') ? 'unknown' : 'error';
}

/** `&&` as the specification has it: false settles it; then what is unknown may still; then errors count. */
function conjunction(given: readonly Truth[]): Truth {
  return (['false', 'unknown', 'error'] as const).find((truth) => given.includes(truth)) ?? 'true';
}

function not(truth: Truth): Truth {
  return truth === 'true' ? 'false' : truth === 'false' ? 'true' : truth;
}

function disjunction(given: readonly Truth[]): Truth {
  return not(conjunction(given.map(not)));
}

const pairs = truths.flatMap((one) => truths.map((other) => [one, other] as const));
const triples = pairs.flatMap((pair) => truths.map((third) => [...pair, third] as const));
const fours = triples.flatMap((triple) => truths.map((fourth) => [...triple, fourth] as const));
const claim = (index: number) => `token.claims.c${index}`;

describe('logic with errors and unknowns', () => {
  it('`&&` and `||` of two, three and four do not depend on the order', () => {
    for (const given of [...pairs, ...triples, ...fours]) {
      const terms = given.map((_, index) => claim(index));
      assert.equal(truthOf(terms.join(' && '), ...given), conjunction(given), given.join(' && '));
      assert.equal(truthOf(terms.join(' || '), ...given), disjunction(given), given.join(' || '));
    }
  });

  it('mixed and negated terms follow', () => {
    for (const [one, two, three] of triples) {
      const text = `(${claim(0)} || !${claim(1)}) && ${claim(2)}`;
      const expected = conjunction([disjunction([one, not(two)]), three]);
      assert.equal(truthOf(text, one, two, three), expected, `${one} ${two} ${three}`);
    }
  });

  it('`all` is `&&` and `exists` is `||` of every element', () => {
    for (const given of fours) {
      const list = given.map((_, index) => `"c${index}"`).join(', ');
      const ask = (macro: string) => `[${list}].${macro}(k, token.claims[k])`;
      assert.equal(truthOf(ask('all'), ...given), conjunction(given), given.join());
      assert.equal(truthOf(ask('exists'), ...given), disjunction(given), given.join());
    }
  });

  it('what needs every element fails with any of them, and is unknown before it is an error', () => {
    for (const given of triples) {
      const list = given.map((_, index) => `"c${index}"`).join(', ');
      const failure = (['unknown', 'error'] as const).find((truth) => given.includes(truth));
      const count = given.filter((truth) => truth === 'true').length;
      const one = `[${list}].exists_one(k, token.claims[k])`;
      assert.equal(truthOf(one, ...given), failure ?? (count === 1 ? 'true' : 'false'));
      const kept = `[${list}].filter(k, token.claims[k]).size() == ${count}`;
      assert.equal(truthOf(kept, ...given), failure ?? 'true');
      const mapped = `true in [${list}].map(k, token.claims[k])`;
      assert.equal(truthOf(mapped, ...given), failure ?? (count > 0 ? 'true' : 'false'));
    }
  });

  it('`?:` looks at the side that it takes only', () => {
    for (const [test, yes, no] of triples) {
      const expected = test === 'true' ? yes : test === 'false' ? no : test;
      assert.equal(truthOf(`${claim(0)} ? ${claim(1)} : ${claim(2)}`, test, yes, no), expected);
    }
  });

  it('a function of something unknown is unknown, though another argument is an error', () => {
    for (const [one, other] of pairs) {
      const failure = (['unknown', 'error'] as const).find((truth) => [one, other].includes(truth));
      const equal = failure ?? (one === other ? 'true' : 'false');
      assert.equal(truthOf(`${claim(0)} == ${claim(1)}`, one, other), equal);
      assert.equal(truthOf(`${claim(0)} in [${claim(1)}]`, one, other), equal);
    }
  });

  it('names everything that would have to be known', () => {
    const given = claims('unknown', 'error', 'unknown');
    assert.equal(ran(`${claim(0)} && ${claim(1)} && ${claim(2)}`, given), 'unknown c0 c2');
  });

  it('what is not a bool is an error where a bool is asked for', () => {
    const given = { 'token.claims': new Map<string, string>([['c0', 'yes']]) };
    assert.equal(ran(`${claim(0)} && true`, given), 'expected bool, found string at 0');
    assert.equal(ran(`${claim(0)} && false`, given), false);
    assert.equal(ran(`!${claim(0)}`, given), 'expected bool, found string at 0');
    assert.equal(ran(`[1].all(x, ${claim(0)})`, given), 'expected bool, found string at 0');
  });

  it('gives one and the same frozen outcome for true and for false', () => {
    const parsed = parseCel('request.method == "GET"');
    assert.ok(parsed.ok);
    const checked = checkCel(parsed.value, declarations);
    assert.ok(checked.ok);
    const run = compileCel(checked.value.expr);
    assert.equal(
      run(() => 'GET'),
      run(() => 'GET'),
    );
    assert.ok(Object.isFrozen(run(() => 'GET')));
    assert.ok(Object.isFrozen(run(() => 'PUT')));
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  anyRest,
  anyText,
  connect,
  emptyText,
  lengthWithoutFinalSlash,
  newTexts,
  ruleText,
  unknownText,
  wantedOf,
} from './texts.ts';

const texts = newTexts(['GET', 'v1', 'charges', '*', '**', 'v1'], 3);

function segmentsOf(path: string): readonly number[] {
  return wantedOf(texts, { kind: 'http', method: 'GET', path }).segments;
}

describe('the texts of a policy', () => {
  test('each has a number, and what no rule has is unknown', () => {
    const numbers = ['GET', 'v1', 'charges'].map((text) => ruleText(texts, text));
    assert.equal(new Set(numbers).size, 3);
    assert.deepEqual(segmentsOf('/v1/charges/'), [...numbers.slice(1), emptyText]);
    assert.deepEqual(segmentsOf('/v1x/charge'), [unknownText, unknownText]);
    assert.deepEqual(segmentsOf('/'), [emptyText]);
  });

  test('what rules say with asterisks is no text of a request', () => {
    assert.deepEqual([ruleText(texts, '*'), ruleText(texts, '**')], [anyText, anyRest]);
    assert.deepEqual(segmentsOf('/*/**'), [unknownText, unknownText]);
    assert.equal(wantedOf(texts, { kind: 'connect' }).method, connect);
    assert.equal(wantedOf(texts, { kind: 'http', method: '*', path: '/' }).method, unknownText);
  });

  test('of a long path no more is read than shows that it is longer than every pattern', () => {
    const segments = segmentsOf(`/v1${'/x'.repeat(30_000)}/`);
    assert.equal(segments.length, 5);
    assert.ok(lengthWithoutFinalSlash(segments) > texts.segmentsMax);
    assert.equal(lengthWithoutFinalSlash(segmentsOf('/v1/charges/x/')), 3);
  });
});

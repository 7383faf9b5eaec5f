import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coversPath, matchesPath, parsePathPattern } from './path-pattern.ts';
import type { PathPattern } from './types.ts';

function pattern(text: string): PathPattern {
  const parsed = parsePathPattern(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['/', ['/'], ['/a', '//']],
  ['/a/b', ['/a/b'], ['/a', '/a/b/', '/a/bc', '/a/b/c']],
  ['/a/*', ['/a/b', '/a/*'], ['/a', '/a/', '/a/b/c']],
  ['/a/*/c', ['/a/b/c'], ['/a//c', '/a/c', '/a/b/c/d']],
  ['/a/**', ['/a', '/a/', '/a/b', '/a/b/c'], ['/ab', '/', '/b/a']],
  ['/**', ['/', '/a', '/a/b/'], []],
];

describe('path pattern', () => {
  for (const [text, yes, no] of cases) {
    it(`${text} matches what it says and nothing else`, () => {
      for (const path of yes) assert.ok(matchesPath(pattern(text), path), path);
      for (const path of no) assert.ok(!matchesPath(pattern(text), path), path);
    });
  }

  for (const text of ['', 'a', '/a//b', '/../a', '/a/**/b', '/a*', '/a b', '/a%2fb', '/a?b']) {
    it(`"${text}" is refused`, () => assert.ok(!parsePathPattern(text).ok));
  }

  it('covers only what it matches whole', () => {
    assert.ok(coversPath(pattern('/a/**'), pattern('/a/*/c')));
    assert.ok(coversPath(pattern('/a/*'), pattern('/a/b')));
    assert.ok(coversPath(pattern('/**'), pattern('/a/**')));
    assert.ok(!coversPath(pattern('/a/b'), pattern('/a/*')));
    assert.ok(!coversPath(pattern('/a/*'), pattern('/a/**')));
  });
});

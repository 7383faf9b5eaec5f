import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import type { CelFrame } from './frame.ts';
import { compileRegex } from './regex.ts';

function frame(): CelFrame {
  return { stepsLeft: 10_000, locals: [] };
}

function found(pattern: string, text: string): unknown {
  const regex = compileRegex(pattern);
  return regex.ok ? regex.value(text, frame()) : regex.error;
}

describe('matches', () => {
  it('finds what JavaScript finds, where both know the syntax', () => {
    const random = seeded(11);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const atoms = [
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '\\w',
      '\\d',
      '\\b',
      '\\B',
      '^',
      '$',
      '😀',
      'é',
      '(?:)',
    ];
    const grow = (depth: number): string => {
      if (depth === 0) return pick(atoms);
      const inner = () => grow(depth - 1);
      const atom = pick(['a', 'b', '.', '[ab]', `(${inner()})`, `(?:${inner()}|${inner()})`]);
      return pick([
        `${inner()}${inner()}`,
        `${inner()}|${inner()}`,
        `${atom}*`,
        `${atom}+?`,
        `${atom}?`,
        `${atom}{1,3}`,
        inner(),
      ]);
    };
    let matches = 0;
    for (let round = 0; round < 4000; round += 1) {
      const pattern = grow(3);
      const expected = new RegExp(pattern, 'u');
      for (let turn = 0; turn < 5; turn += 1) {
        const text = Array.from({ length: Math.floor(random() * 7) }, () =>
          pick(['a', 'b', '1', '\n', '😀', 'é', ' ']),
        ).join('');
        assert.equal(
          found(pattern, text),
          expected.test(text),
          `/${pattern}/ ${JSON.stringify(text)}`,
        );
        if (expected.test(text)) matches += 1;
      }
    }
    assert.ok(matches > 3000 && matches < 18_000, String(matches));
  });

  it('knows flags and classes of RE2, and refuses what can not be run in linear time', () => {
    assert.equal(found('(?i)^/API/\\p{L}+$', '/api/straße'), true);
    assert.equal(found('(?s)a.b', 'a\nb'), true);
    assert.equal(found('(?m)^b$', 'a\nb'), true);
    assert.equal(found('[[:alpha:]]+\\z', '1a'), true);
    assert.match(String(found('(a)\\1', 'aa')), /invalid escape/);
    assert.match(String(found('a(?=b)', 'ab')), /invalid or unsupported Perl syntax/);
    assert.match(String(found('(a', 'a')), /missing closing/);
  });

  it('patterns over the limit are refused', () => {
    assert.match(String(found('(?:ab){400}', 'x')), /takes \d+ instructions/);
    assert.match(String(found('((a{100}){100}){100}', 'x')), /./);
    assert.equal(found('[a-z]{1,63}(\\.[a-z]{1,63})+', 'payments.example'), true);
  });

  it('no text makes a pattern take long: within the steps it takes milliseconds, beyond it is an error', () => {
    for (const pattern of ['(a*)*b', '(a|aa)+$', '(.*a){20}x', '[ab]*a[ab]{200}c', '(\\w+\\s?)*$1'])
      for (const length of [30, 1000, 60_000]) {
        const regex = compileRegex(pattern);
        assert.ok(regex.ok, pattern);
        const text = 'ab'.repeat(length / 2);
        const started = process.cpuUsage();
        const answer = regex.value(text, frame());
        assert.ok(process.cpuUsage(started).user < 500_000, `${pattern} ${length}`);
        assert.ok(typeof answer === 'boolean' || length === 60_000, `${pattern} ${length}`);
      }
  });
});

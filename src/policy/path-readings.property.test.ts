import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { canonicalPath, resolveSegments } from './canonical-path.ts';
import { otherReadings } from './other-readings.ts';
import { matchesSegments, pathSegments, withoutFinalSlash } from './path-index.ts';

const parts = [
  ...['/', '/', '/', '/', 'a', 'b', 'c', 'admin', '.', '..', 'é'],
  ...['%2f', '%2F', '%2f', '%252F', '%252f', '%25252f', ';', ';', '%3b', '%253B', ';x=1'],
  ...['%2e%2e', '%252e', '%61', '%2561', '%20', '%2520', '%25', '%EF%BC%A1', '%EF%BC%8F', '%C2%AD'],
];

/** What applications were seen to do with the path that they were sent, in any order. */
const steps: readonly ((path: string) => string)[] = [
  decoded,
  decoded,
  (path) => path.replace(/;[^/]*/g, ''),
  (path) => path.split(';', 1)[0] ?? '',
  (path) => path.replace(/\/+/g, '/'),
  (path) => resolveSegments(path.startsWith('/') ? path : `/${path}`),
  (path) => path.replaceAll('\u00ad', ''),
  (path) => path.normalize('NFKC'),
];

function decoded(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

/** A deny rule about what a reader makes of it; only what a path pattern can say. */
function ruleAbout(
  random: RandomNumber,
  segments: readonly string[],
): readonly string[] | undefined {
  if (segments.some((segment, at) => segment === '' && at < segments.length - 1)) return undefined;
  const all = segments.map((segment) =>
    segment === '' || (/^[A-Za-z0-9.-]+$/.test(segment) && random() < 0.7) ? segment : '*',
  );
  const pattern = random() < 0.2 ? [...all.slice(0, -1), '**'] : all;
  return pattern.includes('.') || pattern.includes('..') ? undefined : withoutFinalSlash(pattern);
}

test('over 60,000 random targets, what a reader makes of one and a deny rule is about, the rule is about in some reading', () => {
  let held = 0;
  let refused = 0;
  for (let seed = 1; seed <= 60_000; seed += 1) {
    const random = seeded(seed);
    const target = `/${Array.from({ length: 3 + Math.floor(random() * 7) }, () => pick(random, parts)).join('')}`;
    // As a hardened listener forwards it: without dot segments and empty ones.
    const sent = resolveSegments(target.replaceAll(/%2e/gi, '.'));
    const own = canonicalPath(sent);
    const others = own.ok ? otherReadings('GET', own.value, []) : own;
    if (!own.ok || !others.ok) {
      refused += 1;
      continue;
    }
    const readings = [own.value, ...others.value.map(({ path }) => path)];
    const chosen = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(random, steps));
    const read = chosen.reduce((path, step) => step(path), sent);
    const segments = withoutFinalSlash(pathSegments(read.startsWith('/') ? read : `/${read}`));
    const rule = ruleAbout(random, segments);
    if (rule === undefined || !matchesSegments(rule, segments)) continue;
    const isDenied = readings.some((path) =>
      matchesSegments(rule, withoutFinalSlash(pathSegments(path))),
    );
    assert.ok(
      isDenied,
      `${target}: /${rule.join('/')} holds for ${read}, and for none of ${readings.join(' ')}`,
    );
    held += 1;
  }
  assert.ok(held > 5_000, `only ${held} were held against each other, ${refused} refused`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import { canonicalPath } from './canonical-path.ts';
import { randomTarget } from './random-path.fixture.ts';

const targetOf = (seed: number): string => randomTarget(seeded(seed), 8);

/** What is left to encode in a canonical path, so that it can be sent again; encoded slashes are. */
function encoded(path: string): string {
  return path
    .split(/(\/|%2F)/)
    .map((part) => (part === '%2F' || part === '/' ? part : encodeURIComponent(part)))
    .join('');
}

/**
 * What Envoy forwards of a path that it takes: letters, digits and `-._~` unescaped, then dot segments gone, then slashes
 * merged. The scenario of attacks holds the same property against the real one.
 */
function envoyForm(target: string): string {
  const cut = target.indexOf('?');
  const raw = cut === -1 ? target : target.slice(0, cut);
  const unescaped = raw
    .replaceAll(/%(?:2[de]|5f|7e|3[0-9]|[46][1-9a-f]|[57][0-9a])/gi, decodeURIComponent)
    .replaceAll('\\', '/');
  return new URL(`http://x${unescaped}`).pathname.replaceAll(/\/+/g, '/');
}

test('over 20,000 random targets, a canonical path is its own canonical path', () => {
  let taken = 0;
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const found = canonicalPath(targetOf(seed));
    if (!found.ok) continue;
    const again = canonicalPath(encoded(found.value));
    assert.deepEqual(again, found, targetOf(seed));
    assert.doesNotMatch(found.value, /\/\/|\/\.\.?(?:[/;]|$)|[\\\0]/);
    taken += 1;
  }
  assert.ok(taken > 3_000, `only ${taken} were taken`);
});

test('over 20,000 random targets, what Envoy makes of a path has the same canonical path', () => {
  let taken = 0;
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const target = targetOf(seed);
    const raw = canonicalPath(target);
    const normalised = canonicalPath(envoyForm(target));
    if (!raw.ok || !normalised.ok) continue;
    assert.equal(normalised.value, raw.value, `${target} becomes ${envoyForm(target)}`);
    taken += 1;
  }
  assert.ok(taken > 3_000, `only ${taken} were taken`);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Selector, ServiceName, TrustDomain } from '../model/types.ts';
import type { IdentityEntry } from './entry.ts';
import { closestMiss, EntryIndex, matchEntries } from './match-entry.ts';
import { workloadId } from './spiffe-id.ts';

const selector = (kind: string, value: string): Selector => ({ kind, value });

function entry(name: string, ...selectors: readonly Selector[]): IdentityEntry {
  const service = name as ServiceName;
  const spiffeId = workloadId('shop.test' as TrustDomain, service);
  return { spiffeId, service, selectors, hostSelectors: [], ttlSeconds: 60 };
}

describe('matching entries', () => {
  it('the index finds what holding every entry against a process finds, in the same order', () => {
    const kinds = ['uid', 'gid', 'path'];
    const values = ['a', 'b', 'c'];
    const every = kinds.flatMap((kind) => values.map((value) => selector(kind, value)));
    const subsets = Array.from({ length: 2 ** every.length }, (_, bits) =>
      every.filter((_one, at) => bits & (1 << at)),
    );
    const entries = subsets
      .filter(({ length }) => length > 0 && length <= 3)
      .map((selectors, index) => entry(`s-${index}`, ...selectors));
    const index = new EntryIndex(entries);
    for (const shown of subsets) {
      const expected = matchEntries(entries, shown).filter(({ misses }) => misses.length === 0);
      assert.deepEqual(
        index.fitting(shown),
        expected.map((match) => match.entry),
      );
    }
  });

  it('an entry without selectors fits nobody', () => {
    assert.deepEqual(new EntryIndex([entry('web')]).fitting([selector('uid', '0')]), []);
  });

  it('who is no service hears of the closest one what it lacks, and why it is not known', () => {
    const entries = [
      entry('web', selector('uid', '1'), selector('path', '/web')),
      entry('api', selector('uid', '2'), selector('path', '/api')),
    ];
    const said = (shown: readonly Selector[], unknown: { kind: string; reason: string }[] = []) =>
      closestMiss(entries, shown, unknown);
    const api = 'closest is api, which wants path /api; ';
    assert.equal(said([selector('uid', '2'), selector('path', '/x')]), `${api}the process is /x`);
    assert.equal(said([selector('uid', '2')]), `${api}the process has none`);
    assert.equal(
      said([selector('uid', '2')], [{ kind: 'path', reason: 'it was replaced' }]),
      `${api}the process has none: it was replaced`,
    );
    assert.equal(closestMiss([], []), 'no service has an `identity:`');
  });
});

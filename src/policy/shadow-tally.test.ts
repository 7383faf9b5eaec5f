import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ShadowKey } from './shadow.ts';
import { ShadowTally, samplesMax } from './shadow-tally.ts';

const key: ShadowKey = {
  ...{ effect: 'newly denied', service: 'payments', caller: 'spiffe://acme/web' },
  ...{ callee: 'payments', method: 'GET', path: '/a', live: 'allow', liveRule: 'r1' },
  ...{ shadow: 'deny', shadowCode: 'CH2101' },
};
const sample = (atMs: number) => ({ atMs, path: '/a' });

describe('a tally of differences', () => {
  it('adds equal differences up, and keeps the first samples and the last one', () => {
    const tally = new ShadowTally(10);
    for (let atMs = 1; atMs <= 9; atMs += 1) tally.compared(key, sample(atMs));
    tally.compared(undefined, sample(10));
    const { totals, rows } = tally.counts;
    assert.equal(totals.compared, 10);
    assert.equal(totals.newlyDenied, 9);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.requests, 9);
    assert.equal(rows[0]?.lastMs, 9);
    assert.equal(rows[0]?.samples.length, samplesMax);
    assert.deepEqual(
      rows[0]?.samples.map(({ atMs }) => atMs),
      [1, 2, 9],
    );
  });

  it('what finds no row is in the totals all the same', () => {
    const tally = new ShadowTally(2);
    for (const path of ['/a', '/b', '/c', '/a']) tally.compared({ ...key, path }, sample(1));
    const { totals, rows } = tally.counts;
    assert.equal(totals.newlyDenied, 4);
    assert.equal(
      rows.reduce((sum, { requests }) => sum + requests, 0),
      3,
    );
  });

  it('the order of fields makes no other difference', () => {
    const tally = new ShadowTally(10);
    const [a, b] = [new ShadowTally(10), new ShadowTally(10)];
    a.compared(key, sample(1));
    b.compared(
      Object.fromEntries(Object.entries(key).reverse()) as unknown as ShadowKey,
      sample(2),
    );
    b.missed(3);
    tally.add(a.counts);
    tally.add(b.counts);
    assert.equal(tally.counts.rows.length, 1);
    assert.equal(tally.counts.rows[0]?.requests, 2);
    assert.equal(tally.counts.totals.missed, 3);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry } from '../base/ledger.ts';
import { commitsAt } from './commits-at.ts';

/** Oldest first, as things happen; `commitsAt` reads from the newest. */
function after(...happened: readonly (readonly [kind: string, commit: string, facts?: object])[]) {
  const entries = happened.map(
    ([kind, subject, facts = {}], seq): LedgerEntry =>
      ({ seq, atMs: seq, kind, subject, facts }) as LedgerEntry,
  );
  const { running, refused, waiting } = commitsAt(entries.toReversed());
  return { running: running?.commit, refused, waiting };
}

const accepted = (commit: string) => ['commit-accepted', commit, { subject: commit }] as const;

describe('what ran, from the ledger', () => {
  it('is the newest accepted commit, and what was refused after it', () => {
    const why = { why: 'CH2101 a.yaml:3, CH2101 b.yaml:4, CH1001' };
    const found = after(['commit-refused', 'a', why], accepted('b'), accepted('c'), [
      'commit-refused',
      'd',
      why,
    ]);
    assert.deepEqual(found, {
      running: 'c',
      refused: { commit: 'd', codes: ['CH2101', 'CH1001'] },
      waiting: undefined,
    });
  });

  it('is the one before, once a commit was taken back; a commit that came again runs', () => {
    assert.equal(after(accepted('a'), accepted('b'), ['rollout-taken-back', 'b']).running, 'a');
    const again = after(accepted('b'), ['rollout-taken-back', 'b'], accepted('a'), accepted('b'));
    assert.equal(again.running, 'b');
  });

  it('a commit waits until something else is decided', () => {
    const waits = ['verdict', 'b', { verdict: 'waiting', subject: 's', codes: 'CH4206' }] as const;
    const found = after(accepted('a'), waits);
    assert.deepEqual(found.waiting, { commit: 'b', subject: 's', codes: ['CH4206'] });
    assert.equal(after(accepted('a'), waits, ['verdict', 'c', {}]).waiting, undefined);
  });

  it('is nothing where nothing is known', () => {
    assert.deepEqual(after(), { running: undefined, refused: undefined, waiting: undefined });
  });
});

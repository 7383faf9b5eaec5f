import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeskLog } from './desk-log.ts';

describe('how a desk stands to its policy', () => {
  it('is by what it told last; one that tells nothing of it is not waited for', () => {
    const desks = new DeskLog();
    assert.equal(desks.of('h', 'p-2'), 'unknown');
    desks.take('h', {});
    assert.equal(desks.of('h', 'p-2'), 'unknown');
    desks.take('h', { policy: 'p-1' });
    assert.equal(desks.of('h', 'p-2'), 'behind');
    assert.equal(desks.of('h', 'p-1'), 'taken');
    assert.equal(desks.of('h', undefined), 'unknown');
  });

  it('one that refuses what it is to have says why, for as long as it does', () => {
    const desks = new DeskLog();
    const policyRefused = { version: 'p-2', problem: 'it is no policy' };
    desks.take('h', { policy: 'p-1', policyRefused });
    assert.deepEqual(desks.of('h', 'p-2'), { refused: 'it is no policy' });
    // It is back at what it has.
    assert.equal(desks.of('h', 'p-1'), 'taken');
    assert.deepEqual(
      desks.findings.map(({ code }) => code),
      ['CH5427'],
    );
    desks.take('h', { policy: 'p-2' });
    assert.deepEqual(desks.findings, []);
  });
});

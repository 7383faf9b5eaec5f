import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { Presence, type ReplicaAbout } from './presence.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const hub = 'git@host:mesh/intent, branch main';

function findingsWith(other: Partial<ReplicaAbout>): readonly string[] {
  const presence = new Presence({
    ...{ store: openSqliteStore(':memory:'), clock: new FakeClock(), log, onChange: () => {} },
    ...{ replica: 'r1', name: 'cp-1:15010', intent: hub },
  });
  const about = { replica: 'r2', name: 'cp-2:15010', startedMs: 1, state: 'serving', ...other };
  const value = Buffer.from(JSON.stringify(about));
  presence.take([{ id: 'r2', document: { id: 'r2', version: 1, value } }]);
  return presence.findings.map(({ code, found }) => `${code} ${found}`);
}

describe('control planes that share a store', () => {
  it('are told of one that would lead by another intent', () => {
    const other = 'a folder of cp-2:15010';
    assert.deepEqual(findingsWith({ intent: other }), [
      `CH5457 cp-1:15010: ${hub}; cp-2:15010: ${other}`,
    ]);
  });

  it('but not of one that follows the same, that goes, or that is of a version that does not say', () => {
    assert.deepEqual(findingsWith({ intent: hub }), []);
    assert.deepEqual(findingsWith({ intent: 'another', state: 'draining' }), []);
    assert.deepEqual(findingsWith({}), []);
  });
});

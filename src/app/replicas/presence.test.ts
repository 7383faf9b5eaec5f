import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { Presence, type ReplicaAbout } from './presence.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const hub = 'git@host:mesh/intent, branch main';
const ssh = { transport: 'ssh', url: 'git@host:mesh/intent' } as const;
const https = { transport: 'https', url: 'https://host/mesh/intent.git' } as const;
const remote = { address: ssh, branch: 'main', prefix: '' };

function findingsWith(other: Partial<ReplicaAbout>): readonly string[] {
  const presence = new Presence({
    ...{ store: openSqliteStore(':memory:'), clock: new FakeClock(), log, onChange: () => {} },
    ...{ replica: 'r1', name: 'cp-1:15010', intent: hub, remote },
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

  it('nor of one that reaches the same repository in another way, but of one with another branch or folder', () => {
    const intent = 'https://host/mesh/intent.git, branch main';
    const there = { ...remote, address: https };
    assert.deepEqual(findingsWith({ intent, remote: there }), []);
    const others = [
      { ...there, branch: 'next' },
      { ...there, prefix: 'prod/' },
      { ...there, address: { ...https, url: 'https://host/mesh/other.git' } },
    ];
    for (const other of others) assert.equal(findingsWith({ intent, remote: other }).length, 1);
    // A version of before says it only in words.
    assert.equal(findingsWith({ intent }).length, 1);
  });
});

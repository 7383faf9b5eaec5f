import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Intent } from '../../model/types.ts';
import { RunFollower } from './run-follower.ts';

const ahead: ReadonlySet<never> = new Set();
const intent = {} as Intent;

function fixture(gone: ReadonlySet<string> = new Set()) {
  const told: string[] = [];
  const reads: string[] = [];
  const follower = new RunFollower({
    first: { commit: 'c1', intent },
    read: async (commit) => {
      reads.push(commit);
      return gone.has(commit) ? undefined : { commit, intent };
    },
    reconcile: async ({ base, next }) => void told.push(`${base.commit} ${next?.commit ?? '-'}`),
  });
  return { follower, told, reads };
}

describe('processes that follow a rollout', () => {
  it('are told one change after the other, of those that wait the newest only', async () => {
    const { follower, told } = fixture();
    void follower.follow({ base: 'c1', next: 'c2', ahead });
    void follower.follow({ base: 'c1', next: 'c3', ahead });
    await follower.follow({ base: 'c3', next: undefined, ahead });
    assert.deepEqual(told, ['c1 c2', 'c3 -']);
  });

  it('go by what was read when it came; what cannot be read any more leaves them as they are', async () => {
    const { follower, told, reads } = fixture(new Set(['c9']));
    await follower.know('c2');
    await follower.follow({ base: 'c1', next: 'c2', ahead });
    await follower.follow({ base: 'c2', next: undefined, ahead });
    await follower.follow({ base: 'c9', next: undefined, ahead });
    assert.deepEqual(told, ['c1 c2', 'c2 -', 'c2 -']);
    assert.deepEqual(reads, ['c2', 'c9']);
  });
});

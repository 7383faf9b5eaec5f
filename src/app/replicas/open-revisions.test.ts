import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Rollout } from '../../rollout/rollout.ts';
import { startAt } from './open-revisions.ts';

it('a replica that starts knows how far the commit is that is on its way', async () => {
  const state = { kind: 'watching', wave: 0, sinceMs: 1 } as const;
  const stored: Rollout = { commit: 'c2', subject: '', base: 'c1', startedMs: 1, waves: [], state };
  let rollout: Rollout | undefined;
  const seen: Rollout[] = [];
  const follower = {
    catchUp: async () => {
      rollout = stored;
    },
    get rollout() {
      return rollout;
    },
  };
  await startAt(follower, { observe: (one) => void seen.push(one) });
  assert.deepEqual(seen, [stored]);
});

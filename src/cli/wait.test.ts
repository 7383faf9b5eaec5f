import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommitReply, Rollout } from '../client/gen/api.ts';
import { next } from './wait.ts';

const commit = 'c2c2c2c2c2c2';
const reply = {
  verdict: {
    ...{ commit, subject: 's', seenMs: 0, gates: [], liveMs: 600, sources: {} },
    verdict: { kind: 'accepted', atMs: 1, warnings: [], approvedBy: undefined },
  },
  ...{ place: undefined, running: { commit, subject: 's' }, live: true },
  proxies: { inSync: 7, total: 7, behind: [] },
} as unknown as CommitReply;

function rollout(state: Rollout['state']): Rollout {
  const waves = [['web-1'], ['web-2']];
  return { commit, subject: 's', base: 'c1c1c1c1c1c1', startedMs: 0, waves, state } as Rollout;
}

function ends(given: Parameters<typeof next>[0]): readonly [code: number, text: string] | string {
  const step = next(given, commit);
  if ('waitsFor' in step) return step.waitsFor;
  let text = '';
  const out = (line: string) => {
    text += line;
  };
  step.end('', { out } as never);
  return [step.code, text];
}

describe('waiting for a commit', () => {
  it('all have it, and it is waited on for as long as it may be taken back for what it does', () => {
    const watching = rollout({ kind: 'watching', wave: 1, sinceMs: 0 });
    assert.match(String(ends({ ...reply, rollout: watching })), /7 of 7.*wave 2 of 2 is watched$/);
    const halted = rollout({ kind: 'halted', wave: 0, sinceMs: 0, by: 'ann' });
    assert.match(String(ends({ ...reply, rollout: halted })), /halted at wave 1 of 2 by ann$/);
    const live = [0, 'c2c2c2c2c2c2 is live on 7 of 7 proxies in 0.6 s'];
    assert.deepEqual(ends({ ...reply, rollout: rollout({ kind: 'live', sinceMs: 0 }) }), live);
    // One of before a restart, and the first of all, have none.
    assert.deepEqual(ends(reply), live);
  });

  it('one that was taken back is no success, whatever runs in its place', () => {
    const branch = { kind: 'written', commit: 'c3c3c3c3c3c3', filesLeft: false } as const;
    const state = { kind: 'taken-back', sinceMs: 0, reason: 'web-1 hurts', branch } as const;
    const running = { commit: 'c3c3c3c3c3c3', subject: 'Take back' };
    const text =
      'c2c2c2c2c2c2 was taken back: web-1 hurts; on the branch it is taken back by c3c3c3c3c3c3';
    assert.deepEqual(ends({ ...reply, running, rollout: rollout(state) }), [2, text]);
  });
});

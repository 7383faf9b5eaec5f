import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Rollout } from '../../rollout/rollout.ts';
import { RolloutHistory } from './rollout-history.ts';

function rolloutOf(commit: string, base: string, kind: 'watching' | 'halted'): Rollout {
  const more = { startedMs: 1, waves: [], state: { kind, wave: 0, sinceMs: 1, by: 'ann' } };
  return { commit, subject: '', base, ...more };
}

it('a commit that runs is through its waves, also where its last step was not seen', () => {
  for (const kind of ['watching', 'halted'] as const) {
    const history = new RolloutHistory();
    history.observe(rolloutOf('c2', 'c1', kind));
    // Somebody else led it on, and the next one after it.
    history.observe({ ...rolloutOf('c3', 'c2', 'watching'), startedMs: 2 });
    history.ran('c2', 7);
    assert.deepEqual(
      history.all.map(({ commit, state }) => [commit, state.kind]),
      [
        ['c3', 'watching'],
        ['c2', 'live'],
      ],
    );
  }
});

it('what was taken back once stays so in the history, also when its base runs', () => {
  const history = new RolloutHistory();
  const state = { kind: 'taken-back', sinceMs: 1, reason: '', branch: { kind: 'open' } };
  const back = { ...rolloutOf('c2', 'c1', 'watching'), state } as unknown as Rollout;
  history.observe(back);
  history.ran('c1', 7);
  history.ran('c2', 7);
  assert.deepEqual(history.all, [back]);
});

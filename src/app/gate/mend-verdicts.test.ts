import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Files, gateWorld, readingOf, serviceFile } from '../../../test/support/gate-world.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { mendVerdicts } from './mend-verdicts.ts';

const files: Files = {
  'mesh.yaml': 'mesh: m\ntrust_domain: m.test\n',
  'services/a.yaml': serviceFile('a'),
};

/** `one` runs. */
async function world() {
  const made = await gateWorld();
  made.gatekeeper.offer(readingOf('one', files));
  await made.gatekeeper.settled();
  const { plane, verdicts } = made;
  const one = verdicts.get('one') ?? assert.fail();
  const mend = (rollout?: Rollout): void =>
    mendVerdicts({ verdicts, plane, rollout, nowMs: one.seenMs + 9 });
  return { ...made, one, mend };
}

const rollout: Rollout = {
  ...{ commit: 'two', subject: 's', base: 'one', startedMs: 0, waves: [] },
  state: {
    ...{ kind: 'taken-back', sinceMs: 5, reason: 'it hurts' },
    branch: { kind: 'open', problem: undefined },
  },
};

it('what was accepted and is not what runs, as after an end between two writes, was nowhere', async () => {
  const { one, mend, verdicts, store } = await world();
  verdicts.set({ ...one, commit: 'two', seenMs: one.seenMs + 1 });
  mend();
  await verdicts.flushed();
  assert.deepEqual([verdicts.all, verdicts.get('two')], [[one], undefined]);
  assert.deepEqual(
    (await store.list('verdict')).map(({ id }) => id),
    ['one'],
  );
});

it('what runs is accepted, also where the store did not take that', async () => {
  const { one, mend, verdicts, verdict } = await world();
  verdicts.set({ ...one, verdict: { kind: 'superseded', atMs: 1, by: 'x' } });
  mend();
  assert.equal(verdict('one'), 'accepted');
  verdicts.forget('one');
  mend();
  assert.equal(verdict('one'), 'accepted');
});

it('what was taken back is refused, also where the store did not take that', async () => {
  const { one, mend, verdicts, verdict } = await world();
  verdicts.set({ ...one, commit: 'two', seenMs: one.seenMs + 1 });
  mend(rollout);
  assert.deepEqual([verdict('one'), verdict('two')], ['accepted', 'refused']);
  verdicts.forget('two');
  mend(rollout);
  assert.equal(verdict('two'), 'refused');
});

it('what one took the place of that was never judged waits for nobody', async () => {
  const { one, mend, verdicts } = await world();
  const superseded = (commit: string, by: string, more: number): void =>
    verdicts.set({
      ...{ ...one, commit, seenMs: one.seenMs + more },
      verdict: { kind: 'superseded', atMs: 1, by },
    });
  superseded('two', 'three', 1);
  superseded('three', 'four', 2);
  superseded('five', 'one', 3);
  mend();
  assert.deepEqual(
    verdicts.all.map(({ commit }) => commit),
    ['five', 'one'],
  );
});

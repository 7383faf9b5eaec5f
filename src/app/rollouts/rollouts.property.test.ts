import assert from 'node:assert/strict';
import { it } from 'node:test';
import { kept, kindOf, rolloutsFixture } from '../../../test/support/rollouts-fixture.ts';
import { drawFrom } from '../../compile/random-mesh.fixture.ts';

/** `CHANCERY_ROLLOUTS=10000` for a night; `CHANCERY_SEED` for one of them. */
const runs = Number(process.env['CHANCERY_ROLLOUTS'] ?? 200);
const only = process.env['CHANCERY_SEED'];
const steps = 40;
const counts = [1, 2, 3, 5, 12];

/**
 * Commits that come at any moment, a third of them bad in what they do; most stand on the one before, and are as bad as that.
 * Meanwhile the leader changes, the store goes away, and a person halts and lets go on.
 */
async function ride(seed: number): Promise<void> {
  const draw = drawFrom(seed);
  const { begin, resume, serve, have, said, store, rollouts } = rolloutsFixture(
    counts[draw(counts.length)] ?? 1,
  );
  const trace: string[] = [];
  let isBad = false;
  let commits = 1;
  let seen = 0;
  const check = (): void => {
    const told = (): string => `CHANCERY_SEED=${seed}\n${trace.join('\n')}`;
    for (const one of said.slice(seen)) {
      if (one === 'settled') assert.ok(!isBad, `a bad one is what runs: ${told()}`);
      if (!one.includes('withdrawn')) continue;
      assert.ok(isBad, `a good one is taken back, ${one}: ${told()}`);
      isBad = false;
    }
    seen = said.length;
    assert.ok(!isBad || have() <= 1, `a bad one is at ${have()}: ${told()}`);
  };
  const commit = async (): Promise<void> => {
    if (!(await rollouts.written())) return;
    rollouts.concede();
    check();
    commits += 1;
    const dice = draw(20);
    isBad = dice < 7 || (dice < 13 && isBad);
    trace.push(`commit ${commits}, ${isBad ? 'bad' : 'good'}`);
    await begin(`c${commits}`);
  };
  const pass = async (): Promise<void> => {
    for (let second = draw(4); second >= 0; second -= 1) {
      await serve(1, isBad ? { errors: 10 } : {});
      await kept();
      check();
    }
    trace.push(`served: ${have()} have it, ${kindOf(rollouts.all[0])}`);
  };
  const changeLeader = async (): Promise<void> => {
    if (store.isAway || store.kept === undefined || store.kept.isSettled) return;
    trace.push('another one leads');
    rollouts.stop();
    await resume(store.kept);
  };
  await serve(10);
  for (let step = 0; step < steps; step += 1) {
    const dice = draw(100);
    // Nothing is accepted that the store has not.
    if (dice < 40 && !store.isAway) await commit();
    else if (dice < 80) await pass();
    else if (dice < 88) await changeLeader();
    else if (dice < 92) store.isAway = !store.isAway;
    else if (dice < 96) await rollouts.step({ kind: 'halt', by: 'ann' });
    else await rollouts.step({ kind: 'resume' });
    await kept();
    check();
  }
  rollouts.stop();
}

it('whatever comes in which order, a bad commit is at one proxy at most and does not stay, and a good one is not blamed', async () => {
  if (only !== undefined) return ride(Number(only));
  for (let seed = 1; seed <= runs; seed += 1) await ride(seed);
});

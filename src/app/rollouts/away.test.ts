import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kindOf, rolloutsFixture } from '../../../test/support/rollouts-fixture.ts';

describe('a rollout to proxies that are away', () => {
  it('begins with one that is there, for who is away tells nothing of it', async () => {
    for (const away of ['web-00', 'web-01', 'web-02']) {
      const { begin, serve, standings, rollouts } = rolloutsFixture(3);
      await serve(10);
      standings.set(away, { connected: false, converged: false });
      await begin();
      const [first] = rollouts.all[0]?.waves ?? [];
      assert.equal(first?.length, 1);
      assert.ok(!first.some((proxy) => proxy === away), away);
    }
  });

  it('goes on only when one has been looked at that was there: another takes the place of one that went', async () => {
    const { begin, serve, standings, rollouts, have, said } = rolloutsFixture(3);
    await serve(10);
    await begin();
    const [[first] = []] = rollouts.all[0]?.waves ?? [];
    standings.set(first ?? '', { connected: false, converged: false });
    await serve(6);
    const { waves, state } = rollouts.all[0] ?? assert.fail();
    assert.deepEqual(
      [state.kind, have(), waves[0]?.includes(first ?? ('' as never))],
      ['watching', 1, false],
    );
    assert.equal(waves.at(-1)?.at(-1), first);
    // What hurts is found there, and went no further.
    await serve(2, { errors: 10 });
    assert.match(said[0] ?? '', /^c2 withdrawn: web-\d\d has 10 answers/);
    assert.equal(have(), 0);
  });

  it('waits for nobody where all are away', async () => {
    const { begin, serve, standings, rollouts } = rolloutsFixture(3);
    await serve(10);
    const ids = ['web-00', 'web-01', 'web-02'];
    for (const id of ids) standings.set(id, { connected: false, converged: false });
    await begin();
    await serve(20);
    assert.equal(kindOf(rollouts.all[0]), 'live');
  });
});

it('a rollout that goes on under a clock that is behind is looked at from then on', async () => {
  const { begin, serve, clock, rollouts, resume, store, said } = rolloutsFixture(3);
  await serve(10);
  await begin();
  rollouts.stop();
  clock.jump(-60_000);
  const kept = store.kept ?? assert.fail();
  await resume(kept);
  await serve(4, { errors: 10 });
  assert.match(said[0] ?? '', /^c2 withdrawn: web-\d\d has \d+ answers/);
});

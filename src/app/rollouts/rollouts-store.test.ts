import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rolloutsFixture as fixture, kindOf } from '../../../test/support/rollouts-fixture.ts';

describe('rollouts over a store that goes away', () => {
  it('what is decided of one that is on its way is written before another one comes on top', async () => {
    const { begin, serve, rollouts, store, said } = fixture(5);
    await serve(10);
    await begin();
    store.isAway = true;
    await serve(4, { errors: 10 });
    assert.deepEqual([kindOf(rollouts.all[0]), said], ['taken-back', []]);
    assert.equal(await rollouts.written(), false);
    store.isAway = false;
    assert.equal(await rollouts.written(), true);
    assert.match(said[0] ?? '', /^c2 withdrawn/);
  });

  it('what hurts while the store takes nothing goes no further when it is back', async () => {
    const { begin, serve, rollouts, store, said, have, most } = fixture(5);
    await serve(10);
    await begin();
    await serve(4);
    store.isAway = true;
    await serve(3);
    assert.deepEqual([rollouts.current?.state.kind, have()], ['pushing', 1]);
    await serve(3, { errors: 10 });
    store.isAway = false;
    await serve(1, { errors: 10 });
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
    assert.match(said[0] ?? '', /^c2 withdrawn/);
    assert.deepEqual([most(), have()], [1, 0]);
  });

  it('no proxy gets what the store has not taken; it goes on when the store is there again', async () => {
    const { begin, serve, have, store, rollouts } = fixture(20);
    store.isAway = true;
    await begin();
    await serve(20);
    assert.equal(have(), 0);
    store.isAway = false;
    await serve(1);
    assert.equal(have(), 1);
    store.isAway = true;
    await serve(20);
    assert.equal(have(), 1);
    assert.equal(store.kept?.rollout.state.kind, 'watching');
    store.isAway = false;
    await serve(60);
    assert.equal(have(), 20);
    assert.equal(rollouts.current, undefined);
  });
});

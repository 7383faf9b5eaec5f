import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { SvidReason, SvidReply } from '../serve/api/wire.ts';
import { type Svid, SvidKeeper } from './svid-keeper.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const random = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0.5 };
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((wake) => setImmediate(wake));
};

/** A keeper whose control plane signs with `issuer` for `lifeMs`, and answers when the test lets it. */
function fixture(lifeMs = 100_000) {
  const clock = new FakeClock();
  const asked: SvidReason[] = [];
  const held: Svid[] = [];
  /** `aheadMs`: of the clock of the control plane. */
  const state = { issuer: 'a', open: true, aheadMs: 0 };
  const waiting: (() => void)[] = [];
  const keeper = new SvidKeeper({
    ...{ clock, random, log, spiffeName: 'web' },
    request: async (_csr, reason): Promise<SvidReply> => {
      asked.push(reason);
      const { issuer } = state;
      if (!state.open) await new Promise<void>((resolve) => waiting.push(resolve));
      const nowMs = clock.nowMs() + state.aheadMs;
      return {
        ...{ spiffeId: 'spiffe://shop.test/web', chainPem: '', serial: String(asked.length) },
        ...{ issuerKeyId: issuer, notBeforeMs: nowMs - 10_000, notAfterMs: nowMs + lifeMs },
      };
    },
    onSvid: (svid) => held.push(svid),
  });
  const answer = (): void => {
    state.open = true;
    for (const run of waiting.splice(0)) run();
  };
  return { clock, keeper, asked, held, state, answer };
}

describe('SvidKeeper', () => {
  it('renews at half of the life', async () => {
    const { clock, keeper, asked, held } = fixture();
    keeper.start();
    await turns();
    clock.advance(49_999);
    await turns();
    assert.deepEqual(asked, ['first']);
    clock.advance(1);
    await turns();
    assert.deepEqual(asked, ['first', 'renewal']);
    assert.notEqual(held[0]?.privateKeyPem, held[1]?.privateKeyPem);
    keeper.stop();
    assert.equal(clock.timerCount, 0);
  });

  it('what a tainted CA signed while the taint came is renewed too', async () => {
    const { clock, keeper, asked, state, answer } = fixture();
    keeper.start();
    await turns();
    state.open = false;
    clock.advance(50_000);
    await turns();
    keeper.taint(['a']);
    answer();
    await turns();
    state.issuer = 'b';
    clock.advance(1_000);
    await turns();
    assert.deepEqual(asked, ['first', 'renewal', 'tainted']);
    assert.equal(keeper.state.kind === 'held' && keeper.state.svid.issuerKeyId, 'b');
    assert.equal(clock.timerCount, 1);
    keeper.stop();
  });

  it('a taint that is told again is answered once', async () => {
    const { clock, keeper, asked, state } = fixture();
    keeper.start();
    await turns();
    state.issuer = 'b';
    for (let time = 0; time < 3; time += 1) keeper.taint(['a']);
    clock.advance(1_000);
    await turns();
    keeper.taint(['a']);
    clock.advance(1_000);
    await turns();
    assert.deepEqual(asked, ['first', 'tainted']);
    keeper.stop();
  });

  it('a CA that is about to end makes no storm of renewals', async () => {
    const { clock, keeper, asked } = fixture(500);
    keeper.start();
    for (let tenth = 0; tenth < 100; tenth += 1) {
      clock.advance(100);
      await turns();
    }
    assert.ok(asked.length <= 11, `${asked.length} requests in ten seconds`);
    keeper.stop();
  });

  it('one that was stopped asks for nothing more, also when an answer is on its way', async () => {
    const { clock, keeper, asked, held, state, answer } = fixture();
    state.open = false;
    keeper.start();
    await turns();
    keeper.stop();
    answer();
    await turns();
    clock.advance(200_000);
    await turns();
    assert.deepEqual([asked, held], [['first'], []]);
    assert.equal(clock.timerCount, 0);
  });

  it('keeps what it has when the clock of the control plane jumped, says so, and renews once that is right', async () => {
    const { clock, keeper, held, state } = fixture(3_600_000);
    keeper.start();
    await turns();
    for (const aheadMs of [3_600_000, -3_600_000]) {
      state.aheadMs = aheadMs;
      clock.advance(1_800_000);
      await turns();
      assert.equal(keeper.state.kind, 'overdue');
      assert.match(keeper.apart ?? '', /the control plane signs 3600 s (ahead of|behind)/);
      assert.equal(held.length, 1);
      state.aheadMs = 0;
      clock.advance(30_000);
      await turns();
      assert.deepEqual([keeper.state.kind, keeper.apart], ['held', undefined]);
      held.shift();
    }
    keeper.stop();
  });

  it('renews as ever when it is the clock of the host that was set', async () => {
    for (const ms of [3_600_000, -3_600_000, -600_000]) {
      const { clock, keeper, held, state } = fixture(3_600_000);
      keeper.start();
      await turns();
      clock.jump(ms);
      state.aheadMs = -ms;
      keeper.replan();
      clock.advance(1_860_000);
      await turns();
      assert.ok(held.length > 1, `${ms}`);
      assert.deepEqual([keeper.state.kind, keeper.apart], ['held', undefined]);
      keeper.stop();
    }
  });

  it('does not ask without end while its own clock takes all that comes for ended or too early', async () => {
    for (const ms of [7_200_000, -7_200_000]) {
      const { clock, keeper, asked, state } = fixture(3_600_000);
      clock.jump(ms);
      state.aheadMs = -ms;
      keeper.start();
      await turns();
      for (let minute = 0; minute < 20; minute += 1) {
        clock.advance(60_000);
        await turns();
      }
      assert.ok(asked.length <= 21, `${ms}: ${asked.length}`);
      keeper.stop();
    }
  });
});

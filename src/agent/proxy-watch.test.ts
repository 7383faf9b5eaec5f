import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { type ProxyStanding, watchProxy } from './proxy-watch.ts';

type Answer = Awaited<ReturnType<EnvoyAdmin['ready']>>;

const live: Answer = { ok: true, value: { ready: true, state: 'LIVE' } };
const fails = (kind: 'absent' | 'silent' | 'unreachable' | 'unasked'): Answer => ({
  ok: false,
  error: { kind, reason: `it is ${kind}` },
});

describe('a proxy that is watched', () => {
  /** What is said of it after each of these answers. */
  async function said(answers: readonly Answer[], presents = false): Promise<string[]> {
    const clock = new FakeClock();
    const left = [...answers];
    let now: ProxyStanding = { ready: false, trouble: undefined };
    const told: string[] = [];
    const note = (): void => {
      told.push(
        `${now.ready ? 'ready' : 'not ready'}${now.trouble ? `, ${now.trouble.kind}` : ''}`,
      );
    };
    const stop = watchProxy({
      admin: { ready: async () => left.shift() ?? assert.fail() },
      presents: async () => presents,
      clock,
      onChange: (standing) => {
        now = standing;
      },
    });
    while (told.length < answers.length) {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((wake) => setImmediate(wake));
      note();
      if (told.length < answers.length) clock.advance(2_000);
    }
    stop();
    return told;
  }

  it('hangs when it does not answer twice in a row, and not while it only ended', async () => {
    const silent = fails('silent');
    assert.deepEqual(await said([live, silent, silent, live, silent, fails('unreachable')]), [
      ...['ready', 'not ready', 'not ready, hangs'],
      ...['ready', 'not ready', 'not ready'],
    ]);
  });

  it('stays ready without its admin socket for as long as it presents its certificate', async () => {
    const absent = fails('absent');
    assert.deepEqual(await said([live, absent, live], true), ['ready', 'ready, unseen', 'ready']);
    assert.deepEqual(await said([absent], true), ['ready, unseen']);
    assert.deepEqual(await said([live, absent]), ['ready', 'not ready']);
  });

  it('is as it was when it cannot be asked for want of descriptors here', async () => {
    const short = fails('unasked');
    assert.deepEqual(await said([short, live, short]), ['not ready', 'ready', 'ready']);
  });
});

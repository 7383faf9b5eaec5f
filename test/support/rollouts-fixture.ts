import assert from 'node:assert/strict';
import { ApplicationLog } from '../../src/app/rollouts/application-log.ts';
import type { ProxyStanding } from '../../src/app/rollouts/judge.ts';
import { type KeptRollout, Rollouts } from '../../src/app/rollouts/rollouts.ts';
import { SignalLog } from '../../src/app/rollouts/signal-log.ts';
import { tellingClock } from '../../src/base/clock-watch.ts';
import type { WorkloadId } from '../../src/compile/inventory.ts';
import type { CommitId } from '../../src/git/commit.ts';
import type { Intent, ServiceName } from '../../src/model/types.ts';
import type { ApplicationStanding } from '../../src/rollout/application.ts';
import { type Rollout, reached } from '../../src/rollout/rollout.ts';
import type { TouchedProxy } from '../../src/rollout/waves.ts';
import { FakeClock } from '../xds/fake-clock.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const intent = {} as Intent;
export const watchMs = 5_000;
const noTrouble = { handshakeFailures: 0, retries: 0, slower: [] };

/** Rollouts over a mesh of `count` proxies of one service that take what they get, unless the test says otherwise. */
export function rolloutsFixture(count: number, watch = watchMs, run?: TouchedProxy['run']) {
  const clock = new FakeClock();
  const telling = tellingClock(clock);
  const signals = new SignalLog();
  telling.onJump((jumpedMs) => signals.moveBy(jumpedMs));
  const applications = new ApplicationLog();
  const touched = Array.from({ length: count }, (_, index): TouchedProxy => {
    const proxy = `web-${String(index).padStart(2, '0')}` as WorkloadId;
    return { proxy, service: 'web' as ServiceName, ...(run && { run }) };
  });
  const standings = new Map<string, Partial<ProxyStanding>>();
  const said: string[] = [];
  const store: { kept: KeptRollout | undefined; isAway: boolean } = {
    ...{ kept: undefined, isAway: false },
  };
  let have: ReadonlySet<WorkloadId> = new Set();
  /** As many as had it at one time. */
  let most = 0;
  const rollouts = new Rollouts({
    ...{ clock: telling, log, signals, applications, watchMs: () => watch },
    plane: {
      propose: () => touched,
      reach: (proxies) => {
        have = proxies;
        most = Math.max(most, have.size);
      },
      settle: () => said.push('settled'),
      withdraw: (commit, reason) => {
        have = new Set();
        said.push(`${commit} withdrawn: ${reason}`);
      },
    },
    standing: (proxy) => ({
      ...{ connected: true, converged: true, refused: undefined, isReady: () => true },
      ...standings.get(proxy),
    }),
    takeBack: async () => ({ ok: true, value: { kind: 'nothing', commit: 'c1' as CommitId } }),
    emit: (event) => {
      if (event.kind === 'rollout' && event.rollout.state.kind === 'taken-back') said.push('told');
    },
    record: () => {},
    keep: async (kept) => {
      if (store.isAway) throw new Error('the store is away');
      store.kept = kept;
    },
  });
  const begin = (
    id = 'c2',
    more: { urgent?: boolean; denialsExpected?: boolean } = {},
  ): Promise<void> => {
    rollouts.begin({
      ...{ intent, commit: { id, subject: '' }, base: { id: 'c1', subject: '' } },
      ...{ compiled: undefined, urgent: false, denialsExpected: false, ...more },
    });
    return kept();
  };
  /** Goes on where `before` was when it ended. */
  const resume = (before: KeptRollout | undefined): Promise<void> => {
    assert.ok(before !== undefined);
    have = reached(before.rollout);
    rollouts.resume(before);
    return kept();
  };
  /** Seconds in which every proxy gets 20 requests, of which so many are answered with errors or denials. */
  const serve = async (
    seconds: number,
    bad: { errors?: number; denials?: number; clientErrors?: number; all?: boolean } = {},
  ): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      await kept();
      for (const { proxy } of touched) {
        const counters = counted.get(proxy) ?? { ...nothing };
        const isHit = have.has(proxy) || bad.all === true;
        counters.requests += 20;
        counters.clientErrors += isHit ? (bad.clientErrors ?? 0) : 0;
        counters.errors += isHit ? (bad.errors ?? 0) : 0;
        counters.denials += isHit ? (bad.denials ?? 0) : 0;
        counted.set(proxy, counters);
        signals.take(proxy, telling.nowMs(), { ...noTrouble, ...counters });
      }
    }
  };
  /** All applications, as their host tells of those that have the commit and of those that have not. */
  const tell = (state: ApplicationStanding['state'], commit = 'c2'): void => {
    const standings = touched.map(({ proxy }): ApplicationStanding => {
      if (have.has(proxy)) return { workload: proxy, commit, state };
      return { workload: proxy, commit: 'c1', state: { kind: 'running' } };
    });
    applications.take('local', standings);
  };
  const nothing = { requests: 0, errors: 0, denials: 0, clientErrors: 0 };
  const counted = new Map<string, typeof nothing>();
  const more = { standings, said, store, have: () => have.size, most: () => most };
  return { clock, rollouts, begin, resume, serve, tell, applications, ...more };
}

/** Everything that waits for the store has been written, and has had its effect. */
export function kept(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

export function kindOf(rollout: Rollout | undefined): string | undefined {
  return rollout?.state.kind;
}

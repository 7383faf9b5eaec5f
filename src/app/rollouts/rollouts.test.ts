import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { CommitId } from '../../git/commit.ts';
import type { Intent, ServiceName } from '../../model/types.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import { type ProxyStanding, Rollouts } from './rollouts.ts';
import { SignalLog } from './signal-log.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const intent = {} as Intent;
const watchMs = 5_000;
const noTrouble = { handshakeFailures: 0, retries: 0, slower: [] };

/** Rollouts over a mesh of `count` proxies of one service that take what they get, unless the test says otherwise. */
function fixture(count: number, watch = watchMs) {
  const clock = new FakeClock();
  const signals = new SignalLog();
  const touched = Array.from({ length: count }, (_, index): TouchedProxy => {
    const proxy = `web-${String(index).padStart(2, '0')}` as WorkloadId;
    return { proxy, service: 'web' as ServiceName };
  });
  const standings = new Map<string, Partial<ProxyStanding>>();
  const said: string[] = [];
  let have: ReadonlySet<WorkloadId> = new Set();
  const rollouts = new Rollouts({
    ...{ clock, log, signals, watchMs: () => watch },
    plane: {
      propose: () => touched,
      reach: (proxies) => {
        have = proxies;
      },
      settle: () => said.push('settled'),
      withdraw: (commit, reason) => {
        have = new Set();
        said.push(`${commit} withdrawn: ${reason}`);
      },
    },
    standing: (proxy) => ({
      ...{ connected: true, converged: true, refused: undefined },
      ...standings.get(proxy),
    }),
    takeBack: async () => ({ ok: true, value: { kind: 'nothing', commit: 'c1' as CommitId } }),
    emit: (event) => {
      if (event.kind === 'rollout' && event.rollout.state.kind === 'taken-back') said.push('told');
    },
    ...{ record: () => {}, keep: async () => {} },
  });
  const begin = (id = 'c2', more: { urgent?: boolean; denialsExpected?: boolean } = {}): void =>
    rollouts.begin({
      ...{ intent, commit: { id, subject: '' }, base: { id: 'c1', subject: '' } },
      ...{ urgent: false, denialsExpected: false, ...more },
    });
  /** Seconds in which every proxy gets 20 requests, of which so many are answered with errors or denials. */
  const serve = (
    seconds: number,
    bad: { errors?: number; denials?: number; clientErrors?: number; all?: boolean } = {},
  ): void => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      for (const { proxy } of touched) {
        const counters = counted.get(proxy) ?? { ...nothing };
        const isHit = have.has(proxy) || bad.all === true;
        counters.requests += 20;
        counters.clientErrors += isHit ? (bad.clientErrors ?? 0) : 0;
        counters.errors += isHit ? (bad.errors ?? 0) : 0;
        counters.denials += isHit ? (bad.denials ?? 0) : 0;
        counted.set(proxy, counters);
        signals.take(proxy, clock.nowMs(), { ...noTrouble, ...counters });
      }
    }
  };
  const nothing = { requests: 0, errors: 0, denials: 0, clientErrors: 0 };
  const counted = new Map<string, typeof nothing>();
  return { clock, rollouts, begin, serve, standings, said, have: () => have.size };
}

function kindOf(rollout: Rollout | undefined): string | undefined {
  return rollout?.state.kind;
}

describe('rollouts', () => {
  it('each wave is watched before the next one gets it; then it is what runs', () => {
    const { begin, serve, have, said, rollouts } = fixture(20);
    serve(10);
    begin();
    assert.equal(have(), 1);
    serve(4);
    assert.equal(have(), 1);
    serve(2);
    assert.equal(have(), 2);
    serve(6);
    assert.equal(have(), 20);
    serve(12);
    assert.deepEqual(said, ['settled']);
    assert.equal(kindOf(rollouts.all[0]), 'live');
    assert.equal(rollouts.current, undefined);
  });

  it('errors of the first proxy take it back before another one gets it', () => {
    const { begin, serve, have, said, rollouts } = fixture(20);
    serve(10);
    begin();
    serve(3, { errors: 10 });
    assert.equal(have(), 0);
    assert.match(said[0] ?? '', /^c2 withdrawn: web-\d\d has \d+ answers of 500 and above/);
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
    serve(30);
    assert.equal(have(), 0);
  });

  it('whoever hears that it was taken back finds it withdrawn', () => {
    const { begin, serve, said } = fixture(20);
    serve(10);
    begin();
    serve(3, { errors: 10 });
    assert.match(said.join(), /withdrawn.*,told$/);
  });

  it('answers of 404 take it back, unless those that have it not give them as well', () => {
    for (const all of [false, true]) {
      const { begin, serve, rollouts } = fixture(20);
      serve(10);
      begin();
      serve(30, { clientErrors: 10, all });
      assert.equal(kindOf(rollouts.all[0]), all ? 'live' : 'taken-back');
    }
  });

  it('what it did before it was taken back is not what the next one is held against', () => {
    const { begin, serve, rollouts } = fixture(5);
    serve(10);
    for (const id of ['c2', 'c3', 'c4']) {
      begin(id);
      serve(3, { errors: 10 });
      assert.equal(kindOf(rollouts.all[0]), 'taken-back', id);
      serve(5);
    }
  });

  it('a wave of which too little is reported is looked at three times as long, and no longer', () => {
    const { clock, begin, serve, have } = fixture(20);
    serve(10);
    begin();
    clock.advance(14_000);
    assert.equal(have(), 1);
    clock.advance(2_000);
    assert.equal(have(), 2);
  });

  it('a commit that nobody is touched by is live at once', () => {
    const { begin, said } = fixture(0);
    begin();
    assert.deepEqual(said, ['settled']);
  });

  it('what all have is what runs: a commit that comes while it is looked at begins with one proxy', () => {
    const { begin, serve, have, rollouts, said } = fixture(20);
    serve(5);
    begin('c2');
    serve(13);
    assert.equal(have(), 20);
    rollouts.concede();
    assert.deepEqual(said, ['settled']);
    begin('c3');
    assert.equal(have(), 1);
    assert.equal(rollouts.current?.base, 'c1');
  });

  it('denials take it back, unless they are what the commit is for', () => {
    for (const denialsExpected of [false, true]) {
      const { begin, serve, rollouts } = fixture(5);
      serve(10);
      begin('c2', { denialsExpected });
      serve(30, { denials: 10 });
      assert.equal(kindOf(rollouts.all[0]), denialsExpected ? 'live' : 'taken-back');
    }
  });

  it('what the first proxy refuses reaches nobody else, without watching', () => {
    const { begin, serve, standings, said, have } = fixture(20, 0);
    for (let index = 0; index < 20; index += 1) {
      const refused = 'Listener egress (services/web.yaml:9): bad regex';
      standings.set(`web-${String(index).padStart(2, '0')}`, { converged: true, refused });
    }
    begin();
    serve(1);
    assert.equal(have(), 0);
    assert.match(said[0] ?? '', /refuses it: Listener egress \(services\/web.yaml:9\)/);
  });

  it('a proxy that is away holds nobody up; one that is there and takes nothing does, and in the end takes it back', () => {
    const away = fixture(1, 0);
    away.standings.set('web-00', { connected: false, converged: false });
    away.begin();
    assert.deepEqual(away.said, ['settled']);
    const mute = fixture(1, 0);
    mute.standings.set('web-00', { connected: true, converged: false });
    mute.begin();
    mute.serve(29);
    assert.deepEqual(mute.said, []);
    mute.serve(3);
    assert.match(mute.said[0] ?? '', /does not take it within 30 s/);
  });

  it('without a time to watch all have it at once, and trouble of live commits is not looked for', () => {
    const { begin, have, said } = fixture(20, 0);
    begin();
    assert.equal(have(), 20);
    assert.deepEqual(said, ['settled']);
  });

  it('after a restart whoever had it keeps it from the first moment, and the others follow in waves', () => {
    const first = fixture(20);
    first.begin();
    first.serve(7);
    assert.equal(first.have(), 2);
    const { rollouts, begin, have, serve, said } = fixture(20);
    const [interrupted] = first.rollouts.all;
    assert.ok(interrupted !== undefined);
    rollouts.recover(interrupted);
    begin();
    assert.equal(have(), 2);
    assert.deepEqual(
      [...(rollouts.current?.waves[0] ?? [])].sort(),
      interrupted.waves.slice(0, 2).flat().sort(),
    );
    serve(4);
    assert.equal(have(), 2);
    serve(30);
    assert.equal(have(), 20);
    assert.deepEqual(said, ['settled']);
  });

  it('after a restart, with nothing known from before, a proxy is held against those that have it not', () => {
    for (const all of [false, true]) {
      const first = fixture(20);
      first.begin();
      first.serve(2);
      const [interrupted] = first.rollouts.all;
      assert.ok(interrupted !== undefined);
      const { rollouts, begin, serve } = fixture(20);
      rollouts.recover(interrupted);
      begin();
      serve(3, { errors: 10, all });
      assert.equal(kindOf(rollouts.all[0]), all ? 'watching' : 'taken-back');
    }
  });

  it('what was halted is halted after a restart; another commit goes its own way', () => {
    const first = fixture(20);
    first.begin();
    first.rollouts.step({ kind: 'halt', by: 'ann' });
    const [halted] = first.rollouts.all;
    assert.ok(halted !== undefined);
    const again = fixture(20);
    again.rollouts.recover(halted);
    again.begin();
    again.serve(60);
    assert.equal(again.have(), 1);
    assert.equal(kindOf(again.rollouts.current), 'halted');
    assert.ok(again.rollouts.step({ kind: 'resume' }).ok);
    again.serve(60);
    assert.equal(again.have(), 20);
    const other = fixture(20);
    other.rollouts.recover(halted);
    other.begin('c3');
    assert.equal(kindOf(other.rollouts.current), 'watching');
  });

  it('an urgent one has one wave', () => {
    const { begin, have } = fixture(20);
    begin('c2', { urgent: true });
    assert.equal(have(), 20);
  });

  it('a newer commit takes its place, from whoever had the one before', () => {
    const { begin, serve, have, rollouts } = fixture(20);
    serve(5);
    begin('c2');
    serve(6);
    assert.equal(have(), 2);
    begin('c3');
    assert.equal(have(), 3);
    assert.equal(rollouts.current?.base, 'c1');
    serve(3, { errors: 10 });
    assert.equal(have(), 0);
  });

  it('a person halts it, lets it go on, and takes it back', () => {
    const { begin, serve, have, rollouts } = fixture(20);
    begin();
    assert.ok(rollouts.step({ kind: 'halt', by: 'ann' }).ok);
    serve(60);
    assert.equal(have(), 1);
    assert.ok(rollouts.step({ kind: 'resume' }).ok);
    serve(7);
    assert.equal(have(), 2);
    assert.ok(rollouts.step({ kind: 'roll-back', by: 'ann' }).ok);
    assert.equal(have(), 0);
    assert.ok(!rollouts.step({ kind: 'halt', by: 'ann' }).ok);
  });
});

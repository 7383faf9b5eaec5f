import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WorkloadId } from '../compile/inventory.ts';
import type { ServiceName } from '../model/types.ts';
import { hurt } from './judgement.ts';
import { advance, type Rollout, type RolloutStep, reached } from './rollout.ts';
import { type ProxyCounters, type Signals, signalsBetween } from './signals.ts';
import type { Stretch } from './stretch.ts';
import { planWaves, type TouchedProxy } from './waves.ts';

function proxies(service: string, count: number): TouchedProxy[] {
  return Array.from({ length: count }, (_, index) => ({
    proxy: `${service}-${String(index).padStart(3, '0')}` as WorkloadId,
    service: service as ServiceName,
  }));
}

const alike = (): number => 0;

describe('waves', () => {
  it('are one proxy of each touched service, then a tenth, then all', () => {
    const touched = [...proxies('big', 100), ...proxies('small', 3), ...proxies('one', 1)];
    const waves = planWaves(touched, 'c1', alike);
    const counts = waves.map((wave) => ({
      big: wave.filter((id) => id.startsWith('big')).length,
      small: wave.filter((id) => id.startsWith('small')).length,
      one: wave.filter((id) => id.startsWith('one')).length,
    }));
    assert.deepEqual(counts, [
      { big: 1, small: 1, one: 1 },
      { big: 9, small: 0, one: 0 },
      { big: 90, small: 2, one: 0 },
    ]);
    assert.deepEqual([...waves.flat()].sort(), touched.map(({ proxy }) => proxy).sort());
  });

  it('are the same for the same commit, and begin elsewhere with another one', () => {
    const touched = proxies('web', 50);
    assert.deepEqual(
      planWaves(touched, 'c1', alike),
      planWaves([...touched].reverse(), 'c1', alike),
    );
    const first = new Set(
      Array.from({ length: 20 }, (_, n) => planWaves(touched, `c${n}`, alike)[0]?.[0]),
    );
    assert.ok(first.size > 5, `${first.size} proxies were first in 20 commits`);
  });

  it('begin with a proxy that has requests, for one without any tells nothing', () => {
    const touched = proxies('web', 10);
    const requests: Readonly<Record<string, number>> = {
      'web-003': 100,
      'web-007': 60,
      'web-008': 2,
    };
    const firsts = Array.from({ length: 20 }, (_, n) => {
      const [first = []] = planWaves(touched, `c${n}`, (proxy) => requests[proxy] ?? 0);
      return first.join();
    });
    assert.deepEqual([...new Set(firsts)].sort(), ['web-003', 'web-007']);
  });

  it('without anybody are none', () => {
    assert.deepEqual(planWaves([], 'c1', alike), []);
    assert.equal(planWaves(proxies('web', 1), 'c1', alike).length, 1);
  });
});

describe('a rollout', () => {
  const begun: Rollout = {
    ...{ commit: 'c2', subject: '', base: 'c1', startedMs: 0 },
    waves: planWaves(proxies('web', 30), 'c2', alike),
    state: { kind: 'pushing', wave: 0, sinceMs: 0 },
  };
  const after = (...steps: readonly RolloutStep[]): Rollout =>
    steps.reduce((rollout, step) => {
      const next = advance(rollout, step, 1);
      assert.ok(next.ok, next.ok ? '' : next.error);
      return next.value;
    }, begun);
  const wave: readonly RolloutStep[] = [{ kind: 'taken' }, { kind: 'watched' }];

  it('goes wave by wave until all have it', () => {
    assert.equal(reached(begun).size, 1);
    assert.equal(reached(after(...wave)).size, 3);
    const live = after(...wave, ...wave, ...wave);
    assert.equal(live.state.kind, 'live');
    assert.equal(reached(live).size, 30);
  });

  it('that hurts is taken back from everybody, at whichever moment, also when it is live', () => {
    const hurts: RolloutStep = { kind: 'hurts', reason: 'errors' };
    for (const steps of [
      [],
      wave,
      [...wave, { kind: 'taken' } as const],
      [...wave, ...wave, ...wave],
    ]) {
      const back = after(...steps, hurts);
      assert.equal(back.state.kind, 'taken-back');
      assert.equal(reached(back).size, 0);
    }
  });

  it('that is halted keeps whom it has reached, and goes on where it was', () => {
    const halted = after(...wave, { kind: 'halt', by: 'ann' });
    assert.equal(reached(halted).size, 3);
    assert.equal(advance(halted, { kind: 'watched' }, 2).ok, false);
    assert.equal(advance(halted, { kind: 'hurts', reason: 'late' }, 2).ok, false);
    assert.equal(
      after(...wave, { kind: 'halt', by: 'ann' }, { kind: 'resume' }).state.kind,
      'pushing',
    );
  });

  it('goes to others instead of those that went away, which get it last, and to no wave of nobody', () => {
    const [first = []] = begun.waves;
    const last = begun.waves.at(-1)?.slice(0, 1) ?? [];
    const instead: RolloutStep = { kind: 'instead', away: first, proxies: last };
    const { waves, state } = after({ kind: 'taken' }, instead);
    assert.deepEqual([state.kind, waves[0], waves.at(-1)?.slice(-1)], ['pushing', last, first]);
    assert.equal(waves.flat().length, 30);
    const later = after(...wave, { kind: 'taken' }, instead);
    assert.deepEqual(later.state, { kind: 'pushing', wave: 0, sinceMs: 1 });
    assert.deepEqual([...reached(later)], [...(begun.waves[1] ?? []), ...last]);
    assert.equal(advance(begun, instead, 2).ok, false);
  });

  it('takes no step out of its order', () => {
    const back = after({ kind: 'roll-back', by: 'ann' });
    for (const kind of ['taken', 'watched', 'resume'] as const) {
      assert.equal(advance(back, { kind }, 2).ok, false, kind);
    }
    assert.equal(advance(back, { kind: 'roll-back', by: 'bob' }, 2).ok, false);
    assert.equal(advance(begun, { kind: 'watched' }, 2).ok, false);
  });
});

describe('signals of a proxy', () => {
  const counters = (given: Partial<ProxyCounters>): ProxyCounters => ({
    ...{ requests: 0, errors: 0, clientErrors: 0, denials: 0, handshakeFailures: 0, retries: 0 },
    ...{ slower: [], ...given },
  });
  const signals = (given: Partial<ProxyCounters>): Signals => ({
    ...counters({ requests: 100, ...given }),
    overMs: 1_000,
  });
  const judged = (
    before: Partial<ProxyCounters>,
    after: Partial<ProxyCounters>,
    more: {
      denialsExpected?: boolean;
      others?: readonly Partial<ProxyCounters>[];
      parts?: readonly Partial<ProxyCounters>[];
    } = {},
  ) => {
    const { denialsExpected = false, others } = more;
    const stretch = (was: Partial<ProxyCounters>, is: Partial<ProxyCounters>): Stretch => {
      const parts = more.parts?.map(signals) ?? [signals(is), signals(is), signals(is)];
      return { before: signals(was), beforeParts: [], after: signals(is), parts };
    };
    const witnesses = {
      others: () => others?.map((other) => stretch({}, other)),
      everywhere: () => undefined,
    };
    return hurt(stretch(before, after), witnesses, { denialsExpected, mayCease: false });
  };
  const late = { slower: [60, 60, 0, 0, 0, 0, 0] };

  it('a proxy that was started anew tells nothing', () => {
    const at = (atMs: number, requests: number) => ({ atMs, counters: counters({ requests }) });
    assert.equal(signalsBetween(at(0, 100), at(1_000, 5)), undefined);
    assert.equal(signalsBetween(at(0, 100), at(1_000, 150))?.requests, 50);
  });

  it('what only one of two reports counts has not happened in between', () => {
    const old = { atMs: 0, counters: { requests: 100, errors: 1 } };
    const now = { atMs: 1_000, counters: counters({ requests: 150, errors: 3, clientErrors: 70 }) };
    const between = signalsBetween(old, now);
    assert.deepEqual([between?.errors, between?.clientErrors, between?.slower[0]], [2, 0, 0]);
  });

  it('errors, denials and failed handshakes that were not there before hurt', () => {
    assert.match(judged({}, { errors: 5 }) ?? '', /5 answers of 500.*5\.0 %.*0 % before/);
    assert.match(judged({}, { denials: 50 }) ?? '', /50 denials/);
    assert.match(judged({}, { requests: 0, handshakeFailures: 3 }) ?? '', /handshakes/);
  });

  it('so do answers of 404, repeated attempts and late answers', () => {
    assert.match(judged({}, { clientErrors: 20 }) ?? '', /20 answers of 400 to 499/);
    assert.match(judged({}, { retries: 40 }) ?? '', /40 repeated attempts/);
    assert.match(judged({}, late) ?? '', /60 answers later than 250 ms/);
  });

  it('but not where the other proxies of the service have as much of them without the commit', () => {
    for (const trouble of [{ clientErrors: 20 }, { retries: 40 }, late]) {
      assert.equal(judged({}, trouble, { others: [trouble, {}] }), undefined);
      assert.notEqual(judged({}, trouble, { others: [{}, {}, trouble] }), undefined);
      assert.equal(judged({}, trouble, { others: [] }), undefined);
    }
    assert.notEqual(judged({}, { errors: 20 }, { others: [{ errors: 20 }] }), undefined);
  });

  it('what was as bad before does not, nor do one or two odd answers', () => {
    assert.equal(judged({ errors: 10 }, { errors: 12 }), undefined);
    assert.equal(judged({}, { errors: 2 }), undefined);
    assert.equal(judged({}, { requests: 10_000, errors: 100 }), undefined);
    assert.equal(judged({}, { slower: [8, 8, 8, 0, 0, 0, 0] }), undefined);
  });

  it('a pause of a moment does not, though it makes as many late', () => {
    assert.equal(judged({}, late, { parts: [{}, late, {}, {}] }), undefined);
    assert.equal(judged({}, late, { parts: [{}, late, late] }), undefined);
    assert.equal(judged({}, late, { parts: [late, {}, {}, {}, {}, late, late] }), undefined);
    assert.notEqual(judged({}, late, { parts: [{}, {}, {}, {}, late, late, late] }), undefined);
  });

  it('denials of a commit that takes permissions away on purpose do not', () => {
    const trouble = { denials: 50, clientErrors: 50 };
    assert.equal(judged({}, trouble, { denialsExpected: true }), undefined);
  });
});

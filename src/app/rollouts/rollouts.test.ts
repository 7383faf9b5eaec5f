import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  rolloutsFixture as fixture,
  kept,
  kindOf,
} from '../../../test/support/rollouts-fixture.ts';
import type { WorkloadId } from '../../compile/inventory.ts';

describe('rollouts', () => {
  it('each wave is watched before the next one gets it; then it is what runs', async () => {
    const { begin, serve, have, said, rollouts } = fixture(20);
    await serve(10);
    await begin();
    assert.equal(have(), 1);
    await serve(4);
    assert.equal(have(), 1);
    await serve(2);
    assert.equal(have(), 2);
    await serve(6);
    assert.equal(have(), 20);
    await serve(12);
    assert.deepEqual(said, ['settled']);
    assert.equal(kindOf(rollouts.all[0]), 'live');
    assert.equal(rollouts.current, undefined);
  });

  it('errors of the first proxy take it back before another one gets it', async () => {
    const { begin, serve, have, said, rollouts } = fixture(20);
    await serve(10);
    await begin();
    await serve(3, { errors: 10 });
    assert.equal(have(), 0);
    assert.match(said[0] ?? '', /^c2 withdrawn: web-\d\d has \d+ answers of 500 and above/);
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
    await serve(30);
    assert.equal(have(), 0);
  });

  it('one that is halted is a problem until it goes on', async () => {
    const { begin, serve, rollouts } = fixture(20);
    await serve(10);
    await begin();
    assert.deepEqual(rollouts.findings, []);
    await rollouts.step({ kind: 'halt', by: 'ann' });
    assert.deepEqual(
      rollouts.findings.map(({ code, message }) => [code, message]),
      [['CH4223', 'the revision c2 is halted at wave 1 of 3 by ann, and nobody else gets it']],
    );
    await rollouts.step({ kind: 'resume' });
    assert.deepEqual(rollouts.findings, []);
  });

  it('whoever hears that it was taken back finds it withdrawn', async () => {
    const { begin, serve, said } = fixture(20);
    await serve(10);
    await begin();
    await serve(3, { errors: 10 });
    assert.match(said.join(), /withdrawn.*,told$/);
  });

  it('answers of 404 take it back, unless those that have it not give them as well', async () => {
    for (const all of [false, true]) {
      const { begin, serve, rollouts } = fixture(20);
      await serve(10);
      await begin();
      await serve(30, { clientErrors: 10, all });
      assert.equal(kindOf(rollouts.all[0]), all ? 'live' : 'taken-back');
    }
  });

  it('what it did before it was taken back is not what the next one is held against', async () => {
    const { begin, serve, rollouts } = fixture(5);
    await serve(10);
    for (const id of ['c2', 'c3', 'c4']) {
      await begin(id);
      await serve(3, { errors: 10 });
      assert.equal(kindOf(rollouts.all[0]), 'taken-back', id);
      await serve(5);
    }
  });

  it('nor is it for one that only saw how it was taken back, and leads then', async () => {
    const { begin, serve, rollouts, clock } = fixture(20);
    await serve(10);
    const startedMs = clock.nowMs();
    await serve(20, { errors: 10, all: true });
    rollouts.observe({
      ...{ commit: 'c1', subject: '', base: 'c0', startedMs, waves: [] },
      state: {
        ...{ kind: 'taken-back', sinceMs: clock.nowMs(), reason: 'it hurts' },
        branch: { kind: 'open', problem: undefined },
      },
    });
    await serve(2);
    await begin();
    await serve(4, { errors: 10 });
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
  });

  it('nor what one did that was halted, until another took its place', async () => {
    const { begin, serve, rollouts } = fixture(1);
    await serve(10);
    await begin('c2');
    await rollouts.step({ kind: 'halt', by: 'ann' });
    await serve(40, { errors: 10 });
    await begin('c3');
    await serve(20);
    assert.equal(kindOf(rollouts.all[0]), 'live');
    await begin('c4');
    await serve(4, { errors: 10 });
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
  });

  it('a wave of which too little is reported is looked at three times as long, and no longer', async () => {
    const { clock, begin, serve, have } = fixture(20);
    await serve(10);
    await begin();
    clock.advance(14_000);
    await kept();
    assert.equal(have(), 1);
    clock.advance(2_000);
    await kept();
    assert.equal(have(), 2);
  });

  it('a commit that nobody is touched by is live at once', async () => {
    const { begin, said } = fixture(0);
    await begin();
    assert.deepEqual(said, ['settled']);
  });

  it('what all have is what runs: a commit that comes while it is looked at begins with one proxy', async () => {
    const { begin, serve, have, rollouts, said } = fixture(20);
    await serve(5);
    await begin('c2');
    await serve(13);
    assert.equal(have(), 20);
    rollouts.concede();
    assert.deepEqual(said, ['settled']);
    await begin('c3');
    assert.equal(have(), 1);
    assert.equal(rollouts.current?.base, 'c1');
  });

  it('denials take it back, unless they are what the commit is for', async () => {
    for (const denialsExpected of [false, true]) {
      const { begin, serve, rollouts } = fixture(5);
      await serve(10);
      await begin('c2', { denialsExpected });
      await serve(30, { denials: 10 });
      assert.equal(kindOf(rollouts.all[0]), denialsExpected ? 'live' : 'taken-back');
    }
  });

  it('what the first proxy refuses reaches nobody else, without watching', async () => {
    const { begin, serve, standings, said, have } = fixture(20, 0);
    for (let index = 0; index < 20; index += 1) {
      const refused = 'Listener egress (services/web.yaml:9): bad regex';
      standings.set(`web-${String(index).padStart(2, '0')}`, { converged: true, refused });
    }
    await begin();
    await serve(1);
    assert.equal(have(), 0);
    assert.match(said[0] ?? '', /refuses it: Listener egress \(services\/web.yaml:9\)/);
  });

  it('a proxy that is away holds nobody up; one that is there and takes nothing does, and in the end takes it back', async () => {
    const away = fixture(1, 0);
    away.standings.set('web-00', { connected: false, converged: false });
    await away.begin();
    assert.deepEqual(away.said, ['settled']);
    const mute = fixture(1, 0);
    mute.standings.set('web-00', { connected: true, converged: false });
    await mute.begin();
    await mute.serve(29);
    assert.deepEqual(mute.said, []);
    await mute.serve(3);
    assert.match(mute.said[0] ?? '', /does not take it within 30 s/);
  });

  it('without a time to watch all have it at once, and trouble of live commits is not looked for', async () => {
    const { begin, have, said } = fixture(20, 0);
    await begin();
    assert.equal(have(), 20);
    assert.deepEqual(said, ['settled']);
  });

  it('whoever leads next goes on where it was: who has it keeps it, and the others follow in their waves', async () => {
    const first = fixture(20);
    await first.begin();
    await first.serve(7);
    assert.equal(first.have(), 2);
    const { resume, have, serve, said } = fixture(20);
    await resume(first.store.kept);
    await serve(4);
    assert.equal(have(), 2);
    await serve(30);
    assert.equal(have(), 20);
    assert.deepEqual(said, ['settled']);
  });

  it('what was halted is halted for whoever leads next; another commit goes its own way', async () => {
    const first = fixture(20);
    await first.begin();
    await first.rollouts.step({ kind: 'halt', by: 'ann' });
    const again = fixture(20);
    await again.resume(first.store.kept);
    await again.serve(60);
    assert.equal(again.have(), 1);
    assert.equal(kindOf(again.rollouts.current), 'halted');
    assert.ok((await again.rollouts.step({ kind: 'resume' })).ok);
    await again.serve(60);
    assert.equal(again.have(), 20);
    const other = fixture(20);
    await other.resume(first.store.kept);
    await other.begin('c3');
    assert.equal(kindOf(other.rollouts.current), 'watching');
  });

  it('one that ceased to lead moves nothing any more', async () => {
    const { begin, serve, have, rollouts } = fixture(20);
    await begin();
    rollouts.stop();
    await serve(60);
    assert.equal(have(), 1);
    assert.ok(!(await rollouts.step({ kind: 'halt', by: 'ann' })).ok);
  });

  it('after a restart, with nothing known from before, a proxy is held against those that have it not', async () => {
    for (const all of [false, true]) {
      const first = fixture(20);
      await first.begin();
      await first.serve(2);
      const { rollouts, resume, serve } = fixture(20);
      await resume(first.store.kept);
      await serve(3, { errors: 10, all });
      assert.equal(kindOf(rollouts.all[0]), all ? 'watching' : 'taken-back');
    }
  });

  it('one that is taken back says what was counted, of it and of those that had it not', async () => {
    const { begin, serve, rollouts } = fixture(20);
    await serve(10);
    await begin();
    await serve(3, { errors: 10 });
    const state = rollouts.all[0]?.state;
    assert.ok(state?.kind === 'taken-back');
    const [before, since, others] = state.evidence ?? [];
    assert.match(before ?? '', /^web-\d\d before it: 180 in 9\.0 s$/);
    assert.match(
      since ?? '',
      /after it came, in wave 1 of 3, by report: 20 in 1\.0 s \(10 of 500 /,
    );
    assert.match(
      others ?? '',
      /^19 proxies of web without it, before it: 3420 in .*; since then: 380 /,
    );
  });

  it('an urgent one has one wave', async () => {
    const { begin, have } = fixture(20);
    await begin('c2', { urgent: true });
    assert.equal(have(), 20);
  });

  it('a newer commit takes its place, and begins with one proxy of those that had the one before', async () => {
    const { begin, serve, have, rollouts } = fixture(20);
    await serve(5);
    await begin('c2');
    await serve(6);
    assert.equal(have(), 2);
    const ahead = rollouts.current?.waves.slice(0, 2).flat() ?? [];
    await begin('c3');
    assert.equal(have(), 1);
    assert.ok(ahead.includes(rollouts.current?.waves[0]?.[0] as WorkloadId));
    assert.equal(rollouts.current?.base, 'c1');
    await serve(3, { errors: 10 });
    assert.equal(have(), 0);
  });

  it('commits that follow each other on a bad one leave it on one proxy, and do not pass for what was before', async () => {
    const { begin, serve, have, rollouts } = fixture(3);
    await serve(5);
    const bearers = new Set<WorkloadId | undefined>();
    // Each one comes before there is a report of the one before; together they hurt longer than is known from before.
    for (let count = 2; count < 14; count += 1) {
      await begin(`c${count}`);
      assert.equal(have(), 1);
      bearers.add(rollouts.current?.waves[0]?.[0]);
      await serve(1, { errors: 10 });
    }
    assert.equal(bearers.size, 1);
    await serve(3, { errors: 10 });
    assert.equal(kindOf(rollouts.all[0]), 'taken-back');
    await begin('c20');
    assert.ok(
      bearers.has(rollouts.current?.waves[0]?.[0]),
      'what may hold it again is borne by the same',
    );
  });

  it('where every service has one proxy, a commit that comes while it is looked at does not end that', async () => {
    const { begin, serve, have, rollouts, said } = fixture(1);
    await serve(10);
    await begin('c2');
    await serve(1);
    rollouts.concede();
    assert.deepEqual(said, []);
    await begin('c3');
    assert.equal(rollouts.current?.base, 'c1');
    await serve(3, { errors: 10 });
    assert.equal(have(), 0);
    assert.match(said[0] ?? '', /^c3 withdrawn: web-00 has/);
  });

  it('an urgent one that is on its way to everybody is what runs for the one that comes next', async () => {
    const { begin, serve, have, rollouts, standings, said } = fixture(20);
    await serve(5);
    standings.set('web-00', { connected: true, converged: false });
    await begin('c2', { urgent: true });
    assert.equal(kindOf(rollouts.current), 'pushing');
    rollouts.concede();
    assert.deepEqual(said, ['settled']);
    assert.equal(kindOf(rollouts.all[0]), 'live');
    await begin('c3');
    assert.equal(have(), 1);
  });

  it('a person halts it, lets it go on, and takes it back', async () => {
    const { begin, serve, have, rollouts } = fixture(20);
    await begin();
    assert.ok((await rollouts.step({ kind: 'halt', by: 'ann' })).ok);
    await serve(60);
    assert.equal(have(), 1);
    assert.ok((await rollouts.step({ kind: 'resume' })).ok);
    await serve(7);
    assert.equal(have(), 2);
    assert.ok((await rollouts.step({ kind: 'roll-back', by: 'ann' })).ok);
    assert.equal(have(), 0);
    assert.ok(!(await rollouts.step({ kind: 'halt', by: 'ann' })).ok);
  });

  it('a wave is looked at for its time, and judged by what was before, whatever becomes of the clock', async () => {
    for (const jumpMs of [3_600_000, -3_600_000, -600_000]) {
      for (const errors of [0, 5]) {
        const { begin, serve, have, said, clock, rollouts } = fixture(3);
        await serve(20);
        await begin();
        await serve(2);
        assert.equal(have(), 1);
        clock.jump(jumpMs);
        await serve(2, { errors });
        if (errors > 0) {
          assert.match(said[0] ?? '', /withdrawn: web-\d\d has \d+ answers of 500 and above/);
          continue;
        }
        assert.deepEqual([have(), said], [1, []]);
        await serve(4);
        assert.equal(have(), 3, `${jumpMs}`);
        assert.equal(rollouts.all.length, 1);
      }
    }
  });
});

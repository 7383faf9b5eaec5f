import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  rolloutsFixture as fixture,
  kept,
  kindOf,
  watchMs,
} from '../../../test/support/rollouts-fixture.ts';

const otherCommand = { at: 'web.yaml:7', isNew: false };

describe('rollouts of another command', () => {
  it('another command goes to one proxy, and to the next ones only when it is up there', async () => {
    const { begin, serve, tell, have } = fixture(3, watchMs, otherCommand);
    tell({ kind: 'running' });
    await serve(10);
    await begin();
    await serve(2);
    assert.equal(have(), 1);
    tell({ kind: 'starting' });
    await serve(20);
    assert.equal(have(), 1);
    tell({ kind: 'running' });
    await serve(4);
    assert.equal(have(), 1);
    await serve(3);
    assert.equal(have(), 3);
  });

  it('a command that does not come up takes it back, with its place and the end of its process', async () => {
    const { begin, serve, tell, have, said } = fixture(3, watchMs, otherCommand);
    tell({ kind: 'running' });
    await serve(10);
    await begin();
    tell({ kind: 'failed', reason: 'exited with 1: no such file' });
    await serve(1);
    assert.equal(have(), 0);
    assert.match(
      said[0] ?? '',
      /withdrawn: the application of web-\d\d does not come up \(web\.yaml:7\): exited with 1: no such file/,
    );
  });

  it('without a time to watch it is live only when all are up, and one that fails last takes it back', async () => {
    for (const last of ['running', 'failed'] as const) {
      const { begin, clock, tell, said, rollouts } = fixture(3, 0, otherCommand);
      const look = async (): Promise<void> => {
        clock.advance(200);
        await kept();
        await kept();
      };
      tell({ kind: 'running' });
      await begin();
      tell({ kind: 'running' });
      for (let n = 0; n < 4; n += 1) await look();
      assert.equal(kindOf(rollouts.current), 'pushing');
      assert.deepEqual(said, []);
      tell(last === 'failed' ? { kind: 'failed', reason: 'exited with 1' } : { kind: last });
      for (let n = 0; n < 4; n += 1) await look();
      assert.match(said.at(-1) ?? '', last === 'failed' ? /told|withdrawn/ : /settled/);
    }
  });

  it('one that ends while it is looked at takes it back; what failed for another commit does not', async () => {
    const { begin, serve, tell, have, said } = fixture(3, watchMs, otherCommand);
    tell({ kind: 'running' });
    await serve(10);
    await begin();
    tell({ kind: 'running' });
    await serve(1);
    tell({ kind: 'failed', reason: 'exited with 1' }, 'c0');
    await serve(1);
    assert.equal(have(), 1);
    tell({ kind: 'failed', reason: 'killed by SIGSEGV' });
    await serve(1);
    assert.match(said[0] ?? '', /killed by SIGSEGV/);
  });

  it('what proxies count while a process is replaced in place is not held against the commit', async () => {
    const { begin, serve, tell, have, said } = fixture(3, watchMs, otherCommand);
    tell({ kind: 'running' });
    await serve(10);
    await begin();
    tell({ kind: 'restarting' });
    await serve(3, { errors: 10 });
    tell({ kind: 'running' });
    await serve(8);
    assert.equal(have(), 3);
    assert.deepEqual(said, []);
  });

  it('a host that tells nothing of it takes it back in the end; one that starts none is not waited for', async () => {
    const waits = fixture(3, watchMs, otherCommand);
    waits.tell({ kind: 'running' });
    await waits.begin();
    await waits.serve(62);
    assert.match(waits.said[0] ?? '', /is not up within 60 s \(web\.yaml:7\)/);
    const others = fixture(3, watchMs, otherCommand);
    await others.begin();
    await others.serve(7);
    assert.equal(others.have(), 3);
  });

  it('what is new is up and ready before anybody is told to call it', async () => {
    const isNew = { at: 'web.yaml:7', isNew: true };
    const { begin, serve, tell, have, standings, rollouts } = fixture(2, watchMs, isNew);
    tell({ kind: 'running' });
    for (const proxy of ['web-00', 'web-01']) standings.set(proxy, { isReady: () => false });
    await begin();
    tell({ kind: 'running' });
    await serve(3);
    assert.equal(have(), 2);
    assert.equal(kindOf(rollouts.current), 'pushing');
    standings.clear();
    await serve(1);
    assert.equal(kindOf(rollouts.all[0]), 'live');
  });
});

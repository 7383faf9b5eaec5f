import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { systemClock as clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { someDecision } from './decision.fixture.ts';
import { UseLog } from './use-log.ts';

const noLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
const used = { ...someDecision, breakglass: 'ab12' };

const idsIn = (file: string): (string | undefined)[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id?: string }).id);

describe('uses of break-glass grants', () => {
  const root = mkdtempSync(join(tmpdir(), 'uses-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const folder = (): string => mkdtempSync(join(root, 'one-'));
  const open = (dir: string, bytesMax?: number): UseLog =>
    new UseLog({
      ...{ dir, clock, log: noLog, onUse: () => {} },
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });

  it('each is in the file before it is said to be', async () => {
    const log = open(folder());
    assert.ok(await log.write(used));
    assert.ok(await log.write({ ...used, id: 'd-2' }));
    assert.deepEqual(idsIn(log.file), ['d-1', 'd-2']);
  });

  it('are told with how many of the grant were told before', async () => {
    const log = open(folder());
    await log.write(used);
    const [first] = log.untold;
    assert.equal(first?.counted?.before, 0);
    await log.write({ ...used, id: 'd-2' });
    log.told(first === undefined ? [] : [first]);
    const [second] = log.untold;
    assert.deepEqual([second?.uses, second?.counted?.before], [1, 1]);
    assert.equal(second?.counted?.sinceMs, first?.counted?.sinceMs);
  });

  it('what cannot be written is not recorded, and is not counted', async () => {
    for (const log of [open(join(root, 'none')), open(folder(), 100)]) {
      assert.equal(await log.write(used), false);
      assert.deepEqual(log.untold, []);
    }
  });

  // A device that is full, and one that takes everything and cannot be synced.
  for (const device of ['/dev/full', '/dev/null']) {
    it(`what ${device} takes is no record; it is told of, and the file says so itself when it takes lines again`, async () => {
      const dir = folder();
      const hand = new FakeClock();
      let news = 0;
      const onUse = (): void => {
        news += 1;
      };
      const log = new UseLog({ dir, clock: hand, log: noLog, onUse });
      assert.ok(await log.write(used));
      hand.advance(100);
      renameSync(log.file, `${log.file}.kept`);
      symlinkSync(device, log.file);
      const answers = await Promise.all([log.write(used), log.write({ ...used, id: 'd-2' })]);
      assert.deepEqual(answers, [false, false]);
      assert.deepEqual([log.trouble?.kind, log.trouble?.of], ['not-recorded', log.file]);
      assert.match(log.trouble?.reason ?? '', /^(ENOSPC|EINVAL)/);
      assert.deepEqual([log.untold[0]?.uses, news], [1, 2]);

      hand.advance(5_000);
      await delay(50);
      assert.ok(log.trouble);
      unlinkSync(log.file);
      hand.advance(5_000);
      for (let tries = 0; log.trouble !== undefined; tries += 1) {
        assert.ok(tries < 200);
        await delay(10);
      }
      const line = JSON.parse(readFileSync(log.file, 'utf8')) as object;
      assert.deepEqual(line, { kind: 'unrecorded', timeMs: hand.nowMs(), uses: 2 });
      assert.equal(news, 3);
      assert.ok(await log.write({ ...used, id: 'd-3' }));
      // Whoever is started after it counts uses, and not what was denied.
      assert.equal(open(dir).untold[0]?.uses, 1);
    });
  }

  it('a file that was moved away is followed by a new one', async () => {
    const log = open(folder(), 700);
    for (let count = 0; await log.write(used); count += 1) assert.ok(count < 10);
    assert.match(log.trouble?.reason ?? '', /is full: move it away$/);
    renameSync(log.file, `${log.file}.kept`);
    assert.ok(await log.write(used));
    assert.equal(log.trouble, undefined);
  });

  it('one of an agent that was killed is told by the next, and what was heard is not told again', async () => {
    const dir = folder();
    const first = open(dir);
    await first.write(used);
    // On its way while what was before it is heard.
    const between = first.write({ ...used, id: 'd-2' });
    first.told(first.untold);
    await between;
    await first.write({ ...used, id: 'd-3', breakglass: 'cd34' });
    const next = open(dir);
    assert.deepEqual(
      next.untold.map(({ grant, uses }) => [grant, uses]),
      [
        ['ab12', 1],
        ['cd34', 1],
      ],
    );
    next.told(next.untold);
    assert.deepEqual(open(dir).untold, []);
    // A new file, of which nothing was told.
    renameSync(next.file, `${next.file}.kept`);
    await next.write({ ...used, id: 'd-4' });
    assert.equal(open(dir).untold[0]?.uses, 1);
  });

  it('is told until it was heard, and what came in between is not forgotten', async () => {
    const log = open(folder());
    await Promise.all([log.write(used), log.write(used)]);
    const told = log.untold;
    assert.deepEqual(
      told.map(({ counted: _, ...rest }) => rest),
      [{ grant: 'ab12', uses: 2, lastMs: used.timeMs }],
    );
    await log.write(used);
    log.told(told);
    assert.equal(log.untold[0]?.uses, 1);
    log.told(log.untold);
    assert.deepEqual(log.untold, []);
  });
});

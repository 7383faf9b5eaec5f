import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemClock as clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { someDecision } from './decision.fixture.ts';
import { UseLog } from './use-log.ts';

const noLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
const used = { ...someDecision, breakglass: 'ab12' };

describe('uses of break-glass grants', () => {
  const root = mkdtempSync(join(tmpdir(), 'uses-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const folder = (): string => mkdtempSync(join(root, 'one-'));
  const open = (dir: string, bytesMax?: number): UseLog =>
    new UseLog({
      ...{ dir, clock, log: noLog, onUse: () => {} },
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });

  it('each is in the file before it is said to be', () => {
    const log = open(folder());
    assert.ok(log.write(used));
    assert.ok(log.write({ ...used, id: 'd-2' }));
    const lines = readFileSync(log.file, 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { id: string }).id),
      ['d-1', 'd-2'],
    );
  });

  it('what cannot be written is not recorded, and is not counted', () => {
    for (const log of [open(join(root, 'none')), open(folder(), 100)]) {
      assert.equal(log.write(used), false);
      assert.deepEqual(log.untold, []);
    }
  });

  it('a file that was moved away is followed by a new one', () => {
    const log = open(folder(), 700);
    for (let count = 0; log.write(used); count += 1) assert.ok(count < 10);
    renameSync(log.file, `${log.file}.kept`);
    assert.ok(log.write(used));
  });

  it('one of an agent that was killed is told by the next, and what was heard is not told again', () => {
    const dir = folder();
    const first = open(dir);
    first.write(used);
    first.told(first.untold);
    first.write({ ...used, id: 'd-2' });
    first.write({ ...used, id: 'd-3', breakglass: 'cd34' });
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
    next.write({ ...used, id: 'd-4' });
    assert.equal(open(dir).untold[0]?.uses, 1);
  });

  it('is told until it was heard, and what came in between is not forgotten', () => {
    const log = open(folder());
    log.write(used);
    log.write(used);
    const told = log.untold;
    assert.deepEqual(told, [{ grant: 'ab12', uses: 2, lastMs: used.timeMs }]);
    log.write(used);
    log.told(told);
    assert.equal(log.untold[0]?.uses, 1);
    log.told(log.untold);
    assert.deepEqual(log.untold, []);
  });
});

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
  const open = (dir: string, bytesMax?: number): UseLog =>
    new UseLog({
      ...{ dir, clock, log: noLog, onUse: () => {} },
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });

  it('each is in the file before it is said to be', () => {
    const log = open(root);
    assert.ok(log.write(used));
    assert.ok(log.write({ ...used, id: 'd-2' }));
    const lines = readFileSync(log.file, 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { id: string }).id),
      ['d-1', 'd-2'],
    );
  });

  it('what cannot be written is not recorded, and is not counted', () => {
    for (const log of [open(join(root, 'none')), open(root, 100)]) {
      assert.equal(log.write(used), false);
      assert.deepEqual(log.untold, []);
    }
  });

  it('a file that was moved away is followed by a new one', () => {
    const log = open(root, 700);
    assert.equal(log.write(used), false);
    renameSync(log.file, `${log.file}.kept`);
    assert.ok(log.write(used));
  });

  it('is told until it was heard, and what came in between is not forgotten', () => {
    const log = open(root);
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

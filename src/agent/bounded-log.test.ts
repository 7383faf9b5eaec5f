import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BoundedLog } from './bounded-log.ts';

describe('BoundedLog', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'log-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('keeps the newest lines, in no more than two files', async () => {
    const file = join(dir, 'app.log');
    const log = new BoundedLog(file, { fileBytesMax: 100, bufferBytesMax: 10_000 });
    for (let line = 0; line < 100; line += 1) log.write(`line ${line}\n`);
    await log.close();
    const newest = readFileSync(file, 'utf8');
    const older = readFileSync(`${file}.1`, 'utf8');
    assert.ok(newest.endsWith('line 99\n'));
    assert.ok(statSync(file).size <= 100 && statSync(`${file}.1`).size <= 100);
    const numbers = `${older}${newest}`.match(/\d+/g)?.map(Number) ?? [];
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => 100 - numbers.length + index),
      'no line is missing in between',
    );
  });

  it('goes on in a file that was there before', async () => {
    const file = join(dir, 'app.log');
    for (const text of ['first\n', 'second\n']) {
      const log = new BoundedLog(file);
      log.write(text);
      await log.close();
    }
    assert.equal(readFileSync(file, 'utf8'), 'first\nsecond\n');
  });

  it('drops and counts what the disk has not room for, instead of holding it in memory', async () => {
    const log = new BoundedLog(join(dir, 'app.log'), { fileBytesMax: 10_000, bufferBytesMax: 100 });
    for (let line = 0; line < 100; line += 1) log.write('0123456789');
    assert.ok(log.dropped > 50);
    await log.close();
  });

  it('a full disk loses lines, and those that come once there is room are written', async () => {
    const [file, roomy] = [join(dir, 'app.log'), join(dir, 'roomy.log')];
    symlinkSync('/dev/full', file);
    const log = new BoundedLog(file);
    log.write('lost\n');
    await log.close();
    rmSync(file);
    symlinkSync(roomy, file);
    log.write('kept\n');
    await log.close();
    assert.equal(readFileSync(roomy, 'utf8'), 'kept\n');
  });

  it('where no file can be opened lines are lost and counted, also at the start and when it rotates', async () => {
    // In place of the folder lies something else.
    const folder = join(dir, 'later');
    writeFileSync(folder, '');
    const log = new BoundedLog(join(folder, 'app.log'), { fileBytesMax: 8, bufferBytesMax: 1_000 });
    log.write('lost\n');
    rmSync(folder);
    log.write('kept\n');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    log.write('lost as well\n');
    rmSync(folder);
    log.write('again\n', 2);
    await log.close();
    assert.equal(readFileSync(join(folder, 'app.log'), 'utf8'), 'again\n');
    assert.equal(log.dropped, 2);
  });

  it('goes on in a file of its name after that was removed, put aside or taken with its folder', async () => {
    const folder = join(dir, 'logs');
    const file = join(folder, 'app.log');
    const log = new BoundedLog(file);
    log.write('one\n');
    renameSync(file, `${file}-aside`);
    log.write('two\n');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    rmSync(file);
    log.write('three\n');
    rmSync(folder, { recursive: true });
    log.write('four\n');
    await log.close();
    assert.equal(readFileSync(file, 'utf8'), 'four\n');
    assert.equal(log.dropped, 0);
  });
});

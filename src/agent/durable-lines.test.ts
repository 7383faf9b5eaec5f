import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Result } from '../base/result.ts';
import { DurableLines, type FileEnd } from './durable-lines.ts';

describe('lines that last', () => {
  const root = mkdtempSync(join(tmpdir(), 'lines-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const fresh = (): string => join(mkdtempSync(join(root, 'one-')), 'lines');
  const append = (lines: DurableLines, line: string): Promise<Result<FileEnd, string>> =>
    new Promise((resolve) => lines.append(line, resolve));

  it('are in the file in their order when they are said to be, with its end', async () => {
    const lines = new DurableLines(fresh(), 1_000_000);
    const all = Array.from({ length: 900 }, (_, index) => `line ${index}`);
    const ends = await Promise.all(all.map((line) => append(lines, line)));
    assert.deepEqual(readFileSync(lines.file, 'utf8'), `${all.join('\n')}\n`);
    const { ino: inode, size: bytes } = statSync(lines.file);
    assert.deepEqual(ends.at(-1), { ok: true, value: { inode, bytes } });
  });

  it('that find no room are refused, and those before them are not', async () => {
    const lines = new DurableLines(fresh(), 12);
    const ends = await Promise.all(['12345', '6789', 'abc'].map((line) => append(lines, line)));
    assert.deepEqual(
      ends.map(({ ok }) => ok),
      [true, true, false],
    );
    assert.equal(readFileSync(lines.file, 'utf8'), '12345\n6789\n');
  });

  it('stand alone behind a part of a line that a process left when it was killed', async () => {
    const lines = new DurableLines(fresh(), 100);
    await append(lines, 'one');
    appendFileSync(lines.file, 'tw');
    await append(lines, 'three');
    await append(lines, 'four');
    assert.equal(readFileSync(lines.file, 'utf8'), 'one\ntw\nthree\nfour\n');
  });

  it('are none where the disk is full or cannot be synced, and those that come later are tried anew', async () => {
    for (const device of ['/dev/full', '/dev/null']) {
      const lines = new DurableLines(fresh(), 100);
      symlinkSync(device, lines.file);
      assert.equal((await append(lines, 'one')).ok, false, device);
      rmSync(lines.file);
      assert.equal((await append(lines, 'two')).ok, true);
      assert.equal(readFileSync(lines.file, 'utf8'), 'two\n');
    }
  });

  it('wait in a queue that ends', async () => {
    const lines = new DurableLines(fresh(), 1_000_000);
    const ends = await Promise.all(
      Array.from({ length: 1_200 }, (_, index) => append(lines, `${index}`)),
    );
    assert.equal(ends.filter(({ ok }) => ok).length, 1_000);
  });
});

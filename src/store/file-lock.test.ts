import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFile } from './file-lock.ts';

const lockOnce = `
  const { lockFile } = await import(${JSON.stringify(new URL('./file-lock.ts', import.meta.url).href)});
  const locked = lockFile(process.argv[1]);
  console.log(locked.ok ? 'mine' : locked.error);
  process.kill(process.pid, 'SIGKILL');
`;

function elsewhere(path: string): string {
  try {
    return execFileSync(process.execPath, ['--input-type=module', '-e', lockOnce, path]).toString();
  } catch (error) {
    // Killed, as it should be: what it said counts.
    return String((error as { stdout: Buffer }).stdout);
  }
}

test('one process has the lock, another hears which, and kill -9 gives it back', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'file-lock-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'lock');
  assert.equal(elsewhere(path).trim(), 'mine');
  const locked = lockFile(path);
  assert.ok(locked.ok);
  assert.equal(elsewhere(path).trim(), String(process.pid));
  locked.value();
  assert.equal(elsewhere(path).trim(), 'mine');
});

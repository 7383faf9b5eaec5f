import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makePrivateFolder, makePublicFolder } from './socket-folder.ts';

const isRoot = process.getuid?.() === 0;

describe('the folder of the host-wide socket', () => {
  let parent = '';
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'public-'));
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  it('is made for everybody to enter, whatever the umask', (t) => {
    const before = process.umask(0o077);
    t.after(() => process.umask(before));
    const dir = join(parent, 'public');
    makePublicFolder(dir);
    assert.equal(statSync(dir).mode & 0o777, 0o755);
    makePublicFolder(dir);
  });

  it('of a single workload is made for its user only, and one that is there stays as it is', () => {
    const dir = join(parent, 'private');
    makePrivateFolder(dir);
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    chmodSync(dir, 0o755);
    makePrivateFolder(dir);
    assert.equal(statSync(dir).mode & 0o777, 0o755);
  });

  it('one that others may write to is refused (CH3021), also with the sticky bit', () => {
    for (const mode of [0o777, 0o775, 0o1777]) {
      chmodSync(parent, mode);
      assert.throws(() => makePublicFolder(parent), /CH3021.*can be changed by other users/);
      assert.throws(() => makePrivateFolder(parent), /CH3021/);
    }
  });

  it('one that another user made first is refused (CH3021)', { skip: !isRoot }, () => {
    chownSync(parent, 1234, 1234);
    assert.throws(() => makePublicFolder(parent), /CH3021/);
  });
});

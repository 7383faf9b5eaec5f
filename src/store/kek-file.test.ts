import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemRandom } from '../base/random.ts';
import { openKekFile } from './kek-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'kek-'));
after(() => rmSync(dir, { recursive: true }));

describe('key file', () => {
  it('is made once, for its owner only, and read again', () => {
    const path = join(dir, 'kek');
    const key = openKekFile(path, systemRandom);
    assert.equal(key.length, 32);
    assert.deepEqual(openKekFile(path, systemRandom), key);
  });

  it('is refused when others may read it (CH5210) or it holds no key (CH5211)', () => {
    const open = join(dir, 'open');
    openKekFile(open, systemRandom);
    chmodSync(open, 0o644);
    assert.throws(() => openKekFile(open, systemRandom), /CH5210/);
    const broken = join(dir, 'broken');
    writeFileSync(broken, 'short', { mode: 0o600 });
    assert.throws(() => openKekFile(broken, systemRandom), /CH5211/);
  });
});

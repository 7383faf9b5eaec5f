import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemRandom } from '../../base/random.ts';
import { addKey, dropFormerKey, fileKek, openKekFile } from './file.ts';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'kek-'));
after(() => rmSync(dir, { recursive: true }));

describe('key file', () => {
  it('is made once, for its owner only, and read again', () => {
    const path = join(dir, 'kek');
    const key = openKekFile(path, systemRandom);
    assert.equal(key.length, 32);
    assert.deepEqual(openKekFile(path, systemRandom), key);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir), ['kek']);
  });

  it('is one key for processes that start at once', async () => {
    const path = join(dir, 'shared');
    const module = new URL('./file.ts', import.meta.url).href;
    const program = `import('${module}').then(({ openKekFile }) =>
      console.log(Buffer.from(openKekFile('${path}', { bytes: require('node:crypto').randomBytes })).toString('hex')))`;
    const keys = await Promise.all(
      Array.from({ length: 6 }, () => run(process.execPath, ['-e', program])),
    );
    assert.equal(new Set(keys.map(({ stdout }) => stdout)).size, 1);
    assert.match(keys[0]?.stdout ?? '', /^[0-9a-f]{64}$/m);
    rmSync(path);
  });

  it('is refused when others may read it (CH5210) or it holds no key (CH5211)', () => {
    const open = join(dir, 'open');
    openKekFile(open, systemRandom);
    chmodSync(open, 0o644);
    assert.throws(() => openKekFile(open, systemRandom), /CH5210/);
    const broken = join(dir, 'broken');
    for (const content of ['short', '', readFileSync(join(dir, 'kek'), 'utf8').repeat(3)]) {
      writeFileSync(broken, content, { mode: 0o600 });
      assert.throws(() => openKekFile(broken, systemRandom), /CH5211/);
    }
  });

  it('a new key wraps at once, also for who opened it before; the former one opens until it is dropped', async () => {
    const path = join(dir, 'replaced');
    const kek = fileKek(path, systemRandom);
    const dataKey = systemRandom.bytes(32);
    const before = await kek.wrap(dataKey);
    addKey(path, systemRandom);
    const present = openKekFile(path, systemRandom);
    addKey(path, systemRandom);
    assert.deepEqual(openKekFile(path, systemRandom), present, 'done once, also when asked again');
    const after = await kek.wrap(dataKey);
    assert.ok((await kek.unwrap(before)).ok && (await kek.unwrap(after)).ok);
    dropFormerKey(path);
    assert.deepEqual(await kek.unwrap(before), { ok: false, error: 'sealed with another key' });
    assert.ok((await kek.unwrap(after)).ok);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

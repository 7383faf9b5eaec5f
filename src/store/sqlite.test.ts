import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { systemRandom } from '../base/random.ts';
import { openKekFile } from './kek-file.ts';
import { openSqliteStore } from './sqlite.ts';

const dir = mkdtempSync(join(tmpdir(), 'store-'));
after(() => rmSync(dir, { recursive: true }));

describe('store', () => {
  it('a document is written only over the version that the writer saw, and survives a restart', async () => {
    const path = join(dir, 'a.db');
    const first = openSqliteStore(path);
    assert.equal(await first.put('sealed', 'ca', Uint8Array.of(1, 2), 0), 1);
    assert.equal(await first.put('sealed', 'ca', Uint8Array.of(3), 0), undefined);
    assert.equal(await first.put('sealed', 'ca', Uint8Array.of(4), 7), undefined);
    assert.equal(await first.put('sealed', 'ca', Uint8Array.of(5), 1), 2);
    assert.equal(await first.put('sealed', 'ca', Uint8Array.of(6), undefined), 3);
    await first.close();
    const again = openSqliteStore(path);
    const found = await again.get('sealed', 'ca');
    assert.deepEqual([found?.version, ...(found?.value ?? [])], [3, 6]);
    assert.equal(await again.remove('sealed', 'ca'), true);
    assert.equal(await again.remove('sealed', 'ca'), false);
    await again.close();
  });

  it('documents are listed by kind, in the order of their ids', async () => {
    const store = openSqliteStore(join(dir, 'list.db'));
    for (const id of ['b', 'a', 'c']) await store.put('k', id, Uint8Array.of(1), 0);
    await store.put('other', 'x', Uint8Array.of(1), 0);
    const found = await store.list('k');
    assert.deepEqual(
      found.map((one) => one.id),
      ['a', 'b', 'c'],
    );
    await store.close();
  });

  it('the ledger keeps order and is read newest first, by kind', async () => {
    const store = openSqliteStore(join(dir, 'b.db'));
    for (const kind of ['x', 'y', 'x'])
      store.record({ atMs: 1, kind, subject: 's', facts: { n: 1 } });
    const entries = await store.ledger({ kind: 'x', limit: 10 });
    assert.deepEqual(
      entries.map((entry) => entry.seq),
      [3, 1],
    );
    await store.close();
  });

  it('what was flushed is there after a SIGKILL in the middle of writing', async () => {
    const path = join(dir, 'c.db');
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer(path)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let acknowledged = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged >= 50) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = openSqliteStore(path);
    const entries = await store.ledger({ limit: 100_000 });
    assert.ok(entries.length >= acknowledged, `${entries.length} of ${acknowledged}`);
    await store.close();
  });

  it('a file that is no database is CH5200', () => {
    const path = join(dir, 'd.db');
    writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100));
    assert.throws(() => openSqliteStore(path), /CH5200/);
  });
});

function writer(path: string): string {
  const module = new URL('./sqlite.ts', import.meta.url).href;
  return `
    import { openSqliteStore } from ${JSON.stringify(module)};
    const store = openSqliteStore(${JSON.stringify(path)});
    for (let n = 1; ; n += 1) {
      store.record({ atMs: n, kind: 'k', subject: 's', facts: { n } });
      await store.flush();
      process.stdout.write(n + '\\n');
      await new Promise((wake) => setImmediate(wake));
    }`;
}

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

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { migrations } from '../../src/store/migrations.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { storeContract } from './contract.ts';

describe('the store in SQLite', () => {
  const dir = mkdtempSync(join(tmpdir(), 'store-'));
  after(() => rmSync(dir, { recursive: true }));
  let count = 0;
  storeContract({
    fresh: async () => {
      count += 1;
      return join(dir, `${count}.db`);
    },
    open: async (path, steps) => openSqliteStore(path, steps),
    opener: {
      module: new URL('../../src/store/sqlite.ts', import.meta.url).href,
      name: 'openSqliteStore',
    },
    steps: migrations,
  });

  it('what the ledger holds cannot be changed, whatever holds the database', async () => {
    const path = join(dir, 'append.db');
    const store = openSqliteStore(path);
    store.record({ atMs: 1, kind: 'healed', subject: 's', facts: {} });
    await store.close();
    using db = new DatabaseSync(path);
    assert.throws(() => db.exec("UPDATE ledger SET subject = 'other'"), /only ever added to/);
  });

  it('a disk without room is what a failed transaction says, and it goes on when there is room', () => {
    const path = join(dir, 'full.db');
    openSqliteStore(path).close();
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('../../src/store/sqlite.ts', import.meta.url).href)});
      const store = openSqliteStore(process.argv[1]);
      const facts = { text: 'x'.repeat(400_000) };
      store.record({ atMs: 1, kind: 'healed', subject: 's', facts });
      await store.flush().then(() => console.log('written'), (error) => console.log(error.message));
      const small = await store.put('kind', 'id', Buffer.from('x'), undefined).catch((error) => error.message);
      console.log(small);
    `;
    const limited = ['-c', 'ulimit -f 200; exec "$0" "$@"', process.execPath];
    const flags = ['--input-type=module', '-e', script, path];
    const said = execFileSync('/bin/bash', [...limited, ...flags], { encoding: 'utf8' });
    assert.match(said, /disk|full/);
    assert.doesNotMatch(said, /rollback/);
    assert.match(said, /\n1\n$/);
  });

  it('a file that is no database is CH5200', () => {
    const path = join(dir, 'broken.db');
    writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100));
    assert.throws(() => openSqliteStore(path), /CH5200/);
  });
});

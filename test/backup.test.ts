import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ChanceryError } from '../src/base/error.ts';
import { backupSqlite, restoreSqlite } from '../src/store/backup.ts';
import { openSqliteStore } from '../src/store/sqlite.ts';
import { LoneControlPlane } from './support/control-plane.ts';
import { eventually } from './support/running-mesh.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ChanceryError, String(error));
    return error.finding.code;
  }
  return 'it worked';
};

describe('a backup', () => {
  const dir = mkdtempSync(join(tmpdir(), 'backup-'));
  const path = (name: string): string => join(dir, name);
  after(() => rmSync(dir, { recursive: true }));

  it('is one consistent state, while somebody writes two documents as one', async () => {
    const store = openSqliteStore(path('live.db'));
    let isWriting = true;
    const writing = (async () => {
      for (let n = 1; isWriting; n += 1) {
        const value = Buffer.from(String(n));
        // In this order: a state in which the second is ahead never was.
        await store.put('pair', 'a', value, undefined);
        await store.put('pair', 'b', value, undefined);
        store.record({ atMs: n, kind: 'healed', subject: 's', facts: {} });
        if (n % 50 === 0) await new Promise((turn) => setImmediate(turn));
      }
    })();
    for (let n = 0; n < 5; n += 1) {
      await new Promise((wake) => setTimeout(wake, 20));
      const facts = backupSqlite(path('live.db'), path(`b${n}.db`));
      const copy = openSqliteStore(path(`b${n}.db`));
      const [a, b] = (await copy.list('pair')).map(({ value }) => Number(Buffer.from(value)));
      assert.ok(a !== undefined && b !== undefined && (a === b || a === b + 1), `${a} ${b}`);
      assert.equal(facts.documents, 2);
      await copy.close();
    }
    isWriting = false;
    await writing;
    await store.close();
    assert.equal(statSync(path('b0.db')).mode & 0o777, 0o600);
  });

  it('replaces nothing, and neither does a restore', async () => {
    assert.equal(
      codeOf(() => backupSqlite(path('live.db'), path('b0.db'))),
      'CH5441',
    );
    assert.equal(
      codeOf(() => backupSqlite(path('none.db'), path('new.db'))),
      'CH5441',
    );
    assert.equal(
      codeOf(() => restoreSqlite(path('b0.db'), path('live.db'))),
      'CH5442',
    );
    writeFileSync(path('left.db-wal'), '');
    assert.equal(
      codeOf(() => restoreSqlite(path('b0.db'), path('left.db'))),
      'CH5442',
    );
  });

  it('that is broken or is none is refused, and nothing is left in its place', () => {
    const bytes = readFileSync(path('b1.db'));
    bytes.fill(0xff, 4_096, 8_192);
    writeFileSync(path('broken.db'), bytes);
    writeFileSync(path('text.db'), 'no database');
    for (const name of ['broken.db', 'text.db', 'absent.db']) {
      assert.equal(
        codeOf(() => restoreSqlite(path(name), path('to.db'))),
        'CH5442',
        name,
      );
      assert.throws(() => statSync(path('to.db')));
    }
  });
});

describe('a control plane that lost its disk', () => {
  const plane = new LoneControlPlane({
    'mesh.yaml': 'mesh: ops\ntrust_domain: ops.test\n',
    'services/web.yaml': 'service: web\nowner: t\nprotocol: http\nport: 8080\n',
  });
  after(() => plane.remove());
  const ca = async () =>
    JSON.parse(await plane.chancery('ca', 'status', plane.intentDir, '--json')) as {
      active: { rootSha256: string };
    };

  it('has the same CA from its backup and its key, and its hosts go on', async () => {
    await plane.start();
    const agent = await plane.join('web-1');
    await eventually(
      async () => (await plane.hosts()).get('web-1')?.connections === 1,
      20_000,
      () => `the host does not come in:\n${agent.output}`,
    );
    const before = await ca();
    const file = join(plane.dir, 'state.backup');
    const said = await plane.chancery('backup', plane.intentDir, '--to', file);
    assert.match(said, /1 of them sealed[\s\S]*key of the CA is not in it/);
    const key = readFileSync(join(plane.intentDir, '.chancery', 'kek'));
    assert.ok(!readFileSync(file).includes(key.subarray(0, 16)));
    await plane.kill();
    const state = join(plane.intentDir, '.chancery');
    for (const end of ['', '-wal', '-shm']) {
      renameSync(join(state, `state.db${end}`), join(plane.dir, `lost.db${end}`));
    }
    await plane.chancery('restore', plane.intentDir, '--from', file);
    await plane.start();
    assert.equal((await ca()).active.rootSha256, before.active.rootSha256);
    await eventually(
      async () => (await plane.hosts()).get('web-1')?.connections === 1,
      30_000,
      () => `the host does not come back:\n${agent.output}`,
    );
  });
});

import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ChanceryError, messageOf } from '../base/error.ts';
import { laterSchema, migrations } from './migrations.ts';

/** What a backup holds, read back from the file itself. */
export interface BackupFacts {
  readonly schema: number;
  readonly documents: number;
  readonly sealed: number;
  readonly ledgerEntries: number;
}

/** A control plane that writes at the same time waits for nothing; the backup waits for it at most so long. */
const busyMs = 10_000;

/**
 * One consistent state of a SQLite store as a file of its own, also while a control plane writes. The file is whole, checked
 * and durable, or it is not there. What is sealed stays so: the key is not in it.
 */
export function backupSqlite(database: string, to: string): BackupFacts {
  if (existsSync(to)) throw cannotBackUp(to, 'it exists already, and a backup replaces nothing');
  if (!existsSync(database)) throw cannotBackUp(to, `there is no store "${database}"`);
  const part = `${to}.part`;
  rmSync(part, { force: true });
  try {
    return copied(database, part, to);
  } catch (cause) {
    rmSync(part, { force: true });
    throw cannotBackUp(to, messageOf(cause), cause);
  }
}

/** Puts a backup where no store is. A store that is there is never replaced: moving it away is its owner's decision. */
export function restoreSqlite(from: string, database: string): BackupFacts {
  const inTheWay = [database, `${database}-wal`, `${database}-shm`].find(existsSync);
  if (inTheWay !== undefined) {
    throw cannotRestore(from, `"${inTheWay}" is there; stop the control plane and move it away`);
  }
  const part = `${database}.part`;
  rmSync(part, { force: true });
  try {
    checkedFacts(from);
    return copied(from, part, database);
  } catch (cause) {
    rmSync(part, { force: true });
    throw cannotRestore(from, messageOf(cause), cause);
  }
}

function copied(from: string, part: string, to: string): BackupFacts {
  const db = new DatabaseSync(from, { readOnly: true });
  try {
    db.exec(`PRAGMA busy_timeout = ${busyMs}`);
    db.prepare('VACUUM INTO ?').run(part);
  } finally {
    db.close();
  }
  // Before it has its name: whoever sees it must not be able to read it.
  chmodSync(part, 0o600);
  const facts = checkedFacts(part);
  publish(part, to);
  return facts;
}

/** Every page is read: a backup that is broken is found when it is made, not when it is needed. */
function checkedFacts(path: string): BackupFacts {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const value = (sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0];
    const problem = value('PRAGMA integrity_check');
    if (problem !== 'ok') throw new Error(`it is broken: ${String(problem)}`);
    const schema = Number(value('PRAGMA user_version'));
    if (schema > migrations.length) throw laterSchema(schema, migrations.length);
    if (schema === 0) throw new Error('it is no store of chancery');
    return {
      schema,
      documents: Number(value('SELECT COUNT(*) FROM documents')),
      sealed: Number(value("SELECT COUNT(*) FROM documents WHERE kind = 'sealed'")),
      ledgerEntries: Number(value('SELECT COUNT(*) FROM ledger')),
    };
  } finally {
    db.close();
  }
}

function publish(part: string, to: string): void {
  for (const path of [part, dirname(to)]) {
    const fd = openSync(path, 'r');
    fsyncSync(fd);
    closeSync(fd);
    if (path === part) renameSync(part, to);
  }
}

function cannotBackUp(to: string, problem: string, cause?: unknown): ChanceryError {
  return new ChanceryError(
    { code: 'CH5441', message: `no backup was made as "${to}": ${problem}` },
    { cause },
  );
}

function cannotRestore(from: string, problem: string, cause?: unknown): ChanceryError {
  return new ChanceryError(
    { code: 'CH5442', message: `"${from}" was not restored: ${problem}` },
    { cause },
  );
}

import { DatabaseSync } from 'node:sqlite';
import { ChanceryError, messageOf } from '../base/error.ts';
import type { LedgerEntry, Store, StoredDocument } from './store.ts';

/** Each runs once, in order, in one transaction with its number. Never edited after a release, only added to. */
const migrations: readonly string[] = [
  `CREATE TABLE sealed (name TEXT PRIMARY KEY, value BLOB NOT NULL);
   CREATE TABLE hosts (host TEXT PRIMARY KEY, report TEXT NOT NULL);
   CREATE TABLE ledger (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
     subject TEXT NOT NULL, facts TEXT NOT NULL);
   CREATE INDEX ledger_kind ON ledger (kind, seq);`,
  `CREATE TABLE documents (
     kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
     PRIMARY KEY (kind, id)) WITHOUT ROWID;
   INSERT INTO documents SELECT 'sealed', name, 1, value FROM sealed;
   INSERT INTO documents SELECT 'host-report', host, 1, CAST(report AS BLOB) FROM hosts;
   DROP TABLE sealed;
   DROP TABLE hosts;`,
];

/** Some months of a small mesh; older entries go first. */
const ledgerEntriesMax = 1_000_000;
const pruneEvery = 10_000;
/** A burst waits this long to be written as one transaction; `flush` does not wait. */
const groupCommitMs = 5;
const pendingMax = 10_000;

type Entry = Omit<LedgerEntry, 'seq'>;

/** SQLite of the runtime, WAL with synchronous=FULL: what was acknowledged survives a kill -9 and a power cut. */
export function openSqliteStore(path: string): Store {
  try {
    return new SqliteStore(path);
  } catch (cause) {
    throw new ChanceryError(
      {
        code: 'CH5200',
        message: `the store "${path}" cannot be opened: ${messageOf(cause)}`,
        help: 'restore it from a backup; if it is of a demo, remove it and start again',
      },
      { cause },
    );
  }
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  #pending: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #written = 0;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;',
    );
    this.#migrate();
  }

  #migrate(): void {
    const row = this.#db.prepare('PRAGMA user_version').get();
    const done = Number(row?.['user_version'] ?? 0);
    if (done > migrations.length) {
      throw new Error(`it was written by a later version of chancery (schema ${done})`);
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < done) continue;
      this.#transaction(() => this.#db.exec(`${sql} PRAGMA user_version = ${index + 1};`));
    }
  }

  #transaction(run: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      run();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  async get(kind: string, id: string): Promise<StoredDocument | undefined> {
    const sql = 'SELECT id, version, value FROM documents WHERE kind = ? AND id = ?';
    const row = this.#db.prepare(sql).get(kind, id);
    return row === undefined ? undefined : storedDocument(row);
  }

  async list(kind: string): Promise<readonly StoredDocument[]> {
    const sql = 'SELECT id, version, value FROM documents WHERE kind = ? ORDER BY id';
    return this.#db.prepare(sql).all(kind).map(storedDocument);
  }

  async put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined> {
    const row =
      ifVersion === 0
        ? this.#db
            .prepare(
              'INSERT INTO documents VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING RETURNING version',
            )
            .get(kind, id, value)
        : this.#replace(kind, id, value, ifVersion);
    return row === undefined ? undefined : Number(row['version']);
  }

  #replace(kind: string, id: string, value: Uint8Array, ifVersion: number | undefined) {
    if (ifVersion === undefined) {
      const sql =
        'INSERT INTO documents VALUES (?, ?, 1, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, version = version + 1 RETURNING version';
      return this.#db.prepare(sql).get(kind, id, value);
    }
    const sql =
      'UPDATE documents SET value = ?, version = version + 1 WHERE kind = ? AND id = ? AND version = ? RETURNING version';
    return this.#db.prepare(sql).get(value, kind, id, ifVersion);
  }

  async remove(kind: string, id: string): Promise<boolean> {
    const sql = 'DELETE FROM documents WHERE kind = ? AND id = ?';
    return Number(this.#db.prepare(sql).run(kind, id).changes) === 1;
  }

  record(entry: Entry): void {
    this.#pending.push(entry);
    if (this.#pending.length >= pendingMax) this.#writePending();
    else this.#timer ??= setTimeout(() => this.#writePending(), groupCommitMs);
  }

  #writePending(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#pending;
    if (entries.length === 0) return;
    this.#pending = [];
    const insert = this.#db.prepare(
      'INSERT INTO ledger (at_ms, kind, subject, facts) VALUES (?, ?, ?, ?)',
    );
    this.#transaction(() => {
      for (const { atMs, kind, subject, facts } of entries) {
        insert.run(atMs, kind, subject, JSON.stringify(facts));
      }
    });
    this.#written += entries.length;
    if (this.#written >= pruneEvery) this.#prune();
  }

  #prune(): void {
    this.#written = 0;
    const sql = 'DELETE FROM ledger WHERE seq <= (SELECT MAX(seq) FROM ledger) - ?';
    this.#db.prepare(sql).run(ledgerEntriesMax);
  }

  async flush(): Promise<void> {
    this.#writePending();
  }

  async ledger(query: {
    readonly kind?: string;
    readonly limit: number;
  }): Promise<readonly LedgerEntry[]> {
    this.#writePending();
    const sql =
      'SELECT seq, at_ms, kind, subject, facts FROM ledger WHERE ? IS NULL OR kind = ? ORDER BY seq DESC LIMIT ?';
    const kind = query.kind ?? null;
    return this.#db
      .prepare(sql)
      .all(kind, kind, query.limit)
      .map((row) => ({
        seq: Number(row['seq']),
        atMs: Number(row['at_ms']),
        kind: String(row['kind']),
        subject: String(row['subject']),
        facts: JSON.parse(String(row['facts'])) as LedgerEntry['facts'],
      }));
  }

  async close(): Promise<void> {
    this.#writePending();
    this.#db.close();
  }
}

function storedDocument(row: Readonly<Record<string, unknown>>): StoredDocument {
  return {
    id: String(row['id']),
    version: Number(row['version']),
    value: row['value'] as Uint8Array,
  };
}

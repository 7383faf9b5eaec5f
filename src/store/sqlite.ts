import { DatabaseSync } from 'node:sqlite';
import { ChanceryError, messageOf } from '../base/error.ts';
import { LedgerBuffer, ledgerEntriesMax, type NewLedgerEntry } from './ledger-buffer.ts';
import { laterSchema, type Migration, migrations } from './migrations.ts';
import { ledgerEntry, putStatement, type Row, statements, storedDocument } from './statements.ts';
import type { LedgerEntry, Store, StoredDocument } from './store.ts';

/** SQLite of the runtime, WAL with synchronous=FULL: what was acknowledged survives a kill -9 and a power cut. */
export function openSqliteStore(path: string, steps: readonly Migration[] = migrations): Store {
  try {
    return new SqliteStore(path, steps);
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
  readonly #ledger = new LedgerBuffer(
    (entries) => this.#append(entries),
    async () => void this.#db.prepare(statements.prune).run(ledgerEntriesMax),
  );

  constructor(path: string, steps: readonly Migration[]) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000;',
    );
    for (const [index, { sqlite }] of steps.entries()) {
      // Looked at under the lock: another process may have migrated a moment ago.
      this.#transaction(() => {
        const done = this.#schema();
        if (done > steps.length) throw laterSchema(done, steps.length);
        if (index >= done) this.#db.exec(`${sqlite} PRAGMA user_version = ${index + 1};`);
      });
    }
  }

  #schema(): number {
    return Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
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
    const row = this.#db.prepare(statements.get).get(kind, id);
    return row === undefined ? undefined : storedDocument(row);
  }

  async list(kind: string): Promise<readonly StoredDocument[]> {
    return this.#db.prepare(statements.list).all(kind).map(storedDocument);
  }

  async put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined> {
    const [sql, parameters] = putStatement(kind, id, value, ifVersion);
    const row: Row | undefined = this.#db.prepare(sql).get(...parameters);
    return row === undefined ? undefined : Number(row['version']);
  }

  async remove(kind: string, id: string): Promise<boolean> {
    return Number(this.#db.prepare(statements.remove).run(kind, id).changes) === 1;
  }

  record(entry: NewLedgerEntry): void {
    this.#ledger.record(entry);
  }

  async #append(entries: readonly NewLedgerEntry[]): Promise<void> {
    const insert = this.#db.prepare(statements.record);
    this.#transaction(() => {
      for (const { atMs, kind, subject, facts } of entries) {
        insert.run(atMs, kind, subject, JSON.stringify(facts));
      }
    });
  }

  get ledgerDropped(): number {
    return this.#ledger.dropped;
  }

  flush(): Promise<void> {
    return this.#ledger.flush();
  }

  async ledger(query: {
    readonly kind?: string;
    readonly limit: number;
  }): Promise<readonly LedgerEntry[]> {
    await this.#ledger.flush();
    const rows =
      query.kind === undefined
        ? this.#db.prepare(statements.ledger).all(query.limit)
        : this.#db.prepare(statements.ledgerOfKind).all(query.kind, query.limit);
    return rows.map(ledgerEntry);
  }

  async close(): Promise<void> {
    await this.#ledger.close();
    this.#db.close();
  }
}

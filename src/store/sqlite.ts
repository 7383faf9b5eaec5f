import { DatabaseSync } from 'node:sqlite';
import { ChanceryError, messageOf } from '../base/error.ts';
import type { LedgerEntry, MadeResource, NewLedgerEntry } from '../base/ledger.ts';
import { LedgerBuffer, ledgerAgeMaxMs, ledgerEntriesMax, resourcesMax } from './ledger-buffer.ts';
import { laterSchema, type Migration, migrations } from './migrations.ts';
import {
  documentVersion,
  fencedPut,
  keepParameters,
  leaseStatement,
  ledgerEntry,
  ledgerStatement,
  madeResource,
  putStatement,
  type Row,
  removeStatement,
  type Statement,
  statements,
  storedDocument,
  storedLease,
  touchStatements,
  versionsStatement,
} from './statements.ts';
import type { DocumentVersion, LedgerQuery, Store, StoredDocument, StoredLease } from './store.ts';

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
  readonly isShared = false;
  readonly #db: DatabaseSync;
  readonly #ledger = new LedgerBuffer<NewLedgerEntry>(
    async (entries) => this.#append(entries),
    async (newestMs) =>
      void this.#db.prepare(statements.prune).run(ledgerEntriesMax, newestMs - ledgerAgeMaxMs),
  );
  readonly #resources = new LedgerBuffer<MadeResource>(
    async (resources) => this.#keep(resources),
    async () => void this.#db.prepare(statements.pruneResources).run(-1, resourcesMax),
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
      // A full disk ends the transaction by itself, and must not be hidden behind that.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
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
    epoch?: number,
  ): Promise<number | undefined> {
    return this.#version(
      epoch === undefined
        ? putStatement(kind, id, value, ifVersion)
        : fencedPut(kind, id, value, ifVersion, { epoch, lock: '' }),
    );
  }

  async remove(kind: string, id: string, epoch?: number): Promise<boolean> {
    const fence = epoch === undefined ? undefined : ({ epoch, lock: '' } as const);
    const [sql, parameters] = removeStatement(kind, id, fence);
    return Number(this.#db.prepare(sql).run(...parameters).changes) === 1;
  }

  /** Of a row that was written; undefined when none was. */
  #version([sql, parameters]: Statement): number | undefined {
    const row: Row | undefined = this.#db.prepare(sql).get(...parameters);
    return row === undefined ? undefined : Number(row['version']);
  }

  async versions(kinds: readonly string[]): Promise<readonly DocumentVersion[]> {
    const [sql, parameters] = versionsStatement(kinds);
    return this.#db
      .prepare(sql)
      .all(...parameters)
      .map(documentVersion);
  }

  async lease(): Promise<StoredLease | undefined> {
    const row: Row | undefined = this.#db.prepare(statements.lease).get();
    return row === undefined ? undefined : storedLease(row);
  }

  async putLease(
    lease: Pick<StoredLease, 'epoch' | 'holder'>,
    ifVersion: number,
  ): Promise<number | undefined> {
    return this.#version(leaseStatement(lease, ifVersion));
  }

  watch(): () => void {
    return () => {};
  }

  record(entry: NewLedgerEntry): void {
    this.#ledger.record(entry);
  }

  #append(entries: readonly NewLedgerEntry[]): void {
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

  get ledgerProblem(): unknown {
    return this.#ledger.problem ?? this.#resources.problem;
  }

  keepResource(resource: MadeResource): void {
    this.#resources.record(resource);
  }

  #keep(resources: readonly MadeResource[]): void {
    const insert = this.#db.prepare(statements.keepResource);
    this.#transaction(() => {
      for (const one of resources) insert.run(...keepParameters(one));
    });
  }

  async resource(id: string): Promise<MadeResource | undefined> {
    const find = () => this.#db.prepare(statements.resource).get(id);
    let row = find();
    if (row === undefined) {
      await this.#resources.flush();
      row = find();
    }
    return row === undefined ? undefined : madeResource(row);
  }

  async touchResources(ids: readonly string[], nowMs: number): Promise<void> {
    for (const [sql, parameters] of touchStatements(ids, nowMs)) {
      this.#db.prepare(sql).run(...parameters);
    }
  }

  async flush(): Promise<void> {
    await Promise.all([this.#resources.flush(), this.#ledger.flush()]);
  }

  async ledger(query: LedgerQuery): Promise<readonly LedgerEntry[]> {
    await this.#ledger.flushUntil(query.untilMs);
    const [sql, parameters] = ledgerStatement(query);
    return this.#db
      .prepare(sql)
      .all(...parameters)
      .map(ledgerEntry);
  }

  async close(): Promise<void> {
    await this.#resources.close();
    await this.#ledger.close();
    this.#db.close();
  }
}

import pg from 'pg';
import { ChanceryError, messageOf } from '../base/error.ts';
import { LedgerBuffer, ledgerEntriesMax, type NewLedgerEntry } from './ledger-buffer.ts';
import { laterSchema, type Migration, migrations } from './migrations.ts';
import {
  ledgerEntry,
  numbered,
  putStatement,
  type Row,
  statements,
  storedDocument,
} from './statements.ts';
import type { LedgerEntry, Store, StoredDocument } from './store.ts';

/** Enough to overlap round trips; a replica must not use up the server's default of 100. */
const connectionsMax = 8;
const connectTimeoutMs = 5_000;
/** No statement of ours takes long; one that does waits for a lock that something else holds. */
const statementTimeoutMs = 10_000;
/** Any number that nothing else in the database locks. */
const migrationLock = 3_141_592_653;

/**
 * PostgreSQL, for several replicas of the control plane. What was acknowledged is in its write-ahead log, whatever the
 * server's default is. Errors: CH5201 (not reached, or of a later version).
 */
export async function openPostgresStore(
  url: string,
  steps: readonly Migration[] = migrations,
): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    application_name: 'chancery',
    options: '-c synchronous_commit=on',
  });
  // A connection that breaks while nobody uses it is replaced at the next use.
  pool.on('error', () => {});
  try {
    await migrate(pool, steps);
  } catch (cause) {
    await pool.end();
    throw new ChanceryError(
      {
        code: 'CH5201',
        message: `the store in PostgreSQL cannot be opened: ${messageOf(cause)}`,
        found: withoutPassword(url),
        help: 'look at the address, the database and the rights of the user; it must own its tables',
      },
      { cause },
    );
  }
  return new PostgresStore(pool);
}

/** One replica at a time; the others wait at the lock and then find nothing left to do. */
async function migrate(pool: pg.Pool, steps: readonly Migration[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
    await client.query('CREATE TABLE IF NOT EXISTS chancery_schema (step INTEGER PRIMARY KEY)');
    const { rows } = await client.query('SELECT COUNT(*) AS done FROM chancery_schema');
    const done = Number(rows[0]?.done);
    if (done > steps.length) throw laterSchema(done, steps.length);
    for (const [index, { postgres }] of steps.entries()) {
      if (index < done) continue;
      await client.query(postgres);
      await client.query('INSERT INTO chancery_schema (step) VALUES ($1)', [index + 1]);
    }
    await client.query('COMMIT');
  } finally {
    // Ends an open transaction with the connection, whatever state it was left in.
    client.release(true);
  }
}

function withoutPassword(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):[^@]*@/, '$1:***@');
}

class PostgresStore implements Store {
  readonly #pool: pg.Pool;
  readonly #ledger = new LedgerBuffer(
    (entries) => this.#append(entries),
    async () => void (await this.#run(statements.prune, [ledgerEntriesMax])),
  );

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async #run(
    sql: string,
    parameters: readonly (string | number | Uint8Array)[],
  ): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }> {
    const values = parameters.map((one) => (typeof one === 'object' ? Buffer.from(one) : one));
    return this.#pool.query<Record<string, unknown>>(numbered(sql), values);
  }

  async get(kind: string, id: string): Promise<StoredDocument | undefined> {
    const { rows } = await this.#run(statements.get, [kind, id]);
    const [row] = rows;
    return row === undefined ? undefined : storedDocument(row);
  }

  async list(kind: string): Promise<readonly StoredDocument[]> {
    const { rows } = await this.#run(statements.list, [kind]);
    return rows.map(storedDocument);
  }

  async put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined> {
    const { rows } = await this.#run(...putStatement(kind, id, value, ifVersion));
    return rows[0] === undefined ? undefined : Number(rows[0]['version']);
  }

  async remove(kind: string, id: string): Promise<boolean> {
    return (await this.#run(statements.remove, [kind, id])).rowCount === 1;
  }

  record(entry: NewLedgerEntry): void {
    this.#ledger.record(entry);
  }

  /** One statement for the whole batch, and so one transaction and one round trip. */
  async #append(entries: readonly NewLedgerEntry[]): Promise<void> {
    await this.#pool.query(
      `INSERT INTO ledger (at_ms, kind, subject, facts)
       SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])`,
      [
        entries.map((entry) => entry.atMs),
        entries.map((entry) => entry.kind),
        entries.map((entry) => entry.subject),
        entries.map((entry) => JSON.stringify(entry.facts)),
      ],
    );
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
    const { rows } =
      query.kind === undefined
        ? await this.#run(statements.ledger, [query.limit])
        : await this.#run(statements.ledgerOfKind, [query.kind, query.limit]);
    return rows.map(ledgerEntry);
  }

  async close(): Promise<void> {
    try {
      await this.#ledger.close();
    } finally {
      await this.#pool.end();
    }
  }
}

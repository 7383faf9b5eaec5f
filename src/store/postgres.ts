import pg from 'pg';
import { ChanceryError, messageOf } from '../base/error.ts';
import {
  type LedgerEntry,
  type MadeResource,
  type NewLedgerEntry,
  resourceId,
} from '../base/ledger.ts';
import { LedgerBuffer, ledgerAgeMaxMs, ledgerEntriesMax, resourcesMax } from './ledger-buffer.ts';
import { laterSchema, type Migration, migrations } from './migrations.ts';
import { PostgresListener } from './postgres-listener.ts';
import {
  documentVersion,
  fencedPut,
  leaseStatement,
  ledgerEntry,
  ledgerStatement,
  madeResource,
  numbered,
  type Parameter,
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
import type {
  DocumentVersion,
  LedgerQuery,
  Store,
  StoreChange,
  StoredDocument,
  StoredLease,
} from './store.ts';

/** Enough to overlap round trips; a replica must not use up the server's default of 100. */
const connectionsMax = 8;
const connectTimeoutMs = 5_000;
/** No statement of ours takes long; one that does waits for a lock that something else holds. */
const statementTimeoutMs = 10_000;
/** No more than a table ever holds beyond its limit, since it is looked at every 10,000 writes of each replica. */
const pruneMax = 1_000_000;
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
  const settings: pg.ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // A server that is cut off without a goodbye says nothing: neither answers nor notifications. One that is there is first.
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
    application_name: 'chancery',
    options: '-c synchronous_commit=on',
  };
  const pool = new pg.Pool({ ...settings, max: connectionsMax });
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
  return new PostgresStore(pool, settings);
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
  readonly isShared = true;
  readonly #pool: pg.Pool;
  readonly #settings: pg.ClientConfig;
  readonly #listeners = new Set<PostgresListener>();
  readonly #ledger = new LedgerBuffer<NewLedgerEntry>(
    (entries) => this.#append(entries),
    async (newestMs) =>
      void (await this.#run(statements.prune, [ledgerEntriesMax, newestMs - ledgerAgeMaxMs])),
  );
  readonly #resources = new LedgerBuffer<MadeResource>(
    (resources) => this.#keep(resources),
    async () => void (await this.#run(statements.pruneResources, [pruneMax, resourcesMax])),
  );

  constructor(pool: pg.Pool, settings: pg.ClientConfig) {
    this.#pool = pool;
    this.#settings = settings;
  }

  async #run(
    sql: string,
    parameters: readonly Parameter[],
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
    epoch?: number,
  ): Promise<number | undefined> {
    return this.#version(
      epoch === undefined
        ? putStatement(kind, id, value, ifVersion)
        : fencedPut(kind, id, value, ifVersion, { epoch, lock: ' FOR SHARE' }),
    );
  }

  async remove(kind: string, id: string, epoch?: number): Promise<boolean> {
    const fence = epoch === undefined ? undefined : ({ epoch, lock: ' FOR SHARE' } as const);
    return (await this.#run(...removeStatement(kind, id, fence))).rowCount === 1;
  }

  /** Of a row that was written; undefined when none was. */
  async #version(statement: Statement): Promise<number | undefined> {
    const { rows } = await this.#run(...statement);
    return rows[0] === undefined ? undefined : Number(rows[0]['version']);
  }

  async versions(kinds: readonly string[]): Promise<readonly DocumentVersion[]> {
    const { rows } = await this.#run(...versionsStatement(kinds));
    return rows.map(documentVersion);
  }

  async lease(): Promise<StoredLease | undefined> {
    const { rows } = await this.#run(statements.lease, []);
    return rows[0] === undefined ? undefined : storedLease(rows[0]);
  }

  putLease(
    lease: Pick<StoredLease, 'epoch' | 'holder'>,
    ifVersion: number,
  ): Promise<number | undefined> {
    return this.#version(leaseStatement(lease, ifVersion));
  }

  watch(onChange: (change: StoreChange) => void): () => void {
    const listener = new PostgresListener(this.#settings, onChange);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.stop();
    };
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

  get ledgerProblem(): unknown {
    return this.#ledger.problem ?? this.#resources.problem;
  }

  keepResource(resource: MadeResource): void {
    this.#resources.record(resource);
  }

  /** Sorted, so that replicas that keep the same at once wait for each other and never in a ring; the first of a batch counts. */
  async #keep(resources: readonly MadeResource[]): Promise<void> {
    const byId = new Map(resources.toReversed().map((one) => [resourceId(one), one]));
    const sorted = [...byId].sort(([a], [b]) => (a < b ? -1 : 1));
    await this.#pool.query(
      `INSERT INTO resources (id, at_ms, seen_ms, commit_id, places, bytes)
       SELECT id, at_ms, at_ms, commit_id, places, bytes
       FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bytea[])
         AS made (id, at_ms, commit_id, places, bytes)
       ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms`,
      [
        sorted.map(([id]) => id),
        sorted.map(([, one]) => one.atMs),
        sorted.map(([, one]) => one.commit),
        sorted.map(([, one]) => JSON.stringify(one.from)),
        sorted.map(([, one]) => Buffer.from(one.bytes)),
      ],
    );
  }

  async resource(id: string): Promise<MadeResource | undefined> {
    const find = async () => (await this.#run(statements.resource, [id])).rows[0];
    let row = await find();
    if (row === undefined) {
      await this.#resources.flush();
      row = await find();
    }
    return row === undefined ? undefined : madeResource(row);
  }

  async touchResources(ids: readonly string[], nowMs: number): Promise<void> {
    for (const [sql, parameters] of touchStatements(ids.toSorted(), nowMs)) {
      await this.#run(sql, parameters);
    }
  }

  async flush(): Promise<void> {
    await Promise.all([this.#resources.flush(), this.#ledger.flush()]);
  }

  async ledger(query: LedgerQuery): Promise<readonly LedgerEntry[]> {
    await this.#ledger.flushUntil(query.untilMs);
    const [sql, parameters] = ledgerStatement(query);
    const { rows } = await this.#run(sql, parameters);
    return rows.map(ledgerEntry);
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.stop();
    try {
      await this.#resources.close();
      await this.#ledger.close();
    } finally {
      await this.#pool.end();
    }
  }
}

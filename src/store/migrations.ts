/** One step of the schema, in both dialects. */
export interface Migration {
  readonly sqlite: string;
  readonly postgres: string;
}

/**
 * Each runs once, in order, in one transaction with its number. Never edited after a release, only added to, and only
 * ever adding: replicas of the version before go on writing while a new one migrates.
 */
export const migrations: readonly Migration[] = [
  {
    sqlite: `CREATE TABLE sealed (name TEXT PRIMARY KEY, value BLOB NOT NULL);
     CREATE TABLE hosts (host TEXT PRIMARY KEY, report TEXT NOT NULL);
     CREATE TABLE ledger (
       seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
       subject TEXT NOT NULL, facts TEXT NOT NULL);
     CREATE INDEX ledger_kind ON ledger (kind, seq);`,
    postgres: `CREATE TABLE ledger (
       seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL,
       subject TEXT NOT NULL, facts TEXT NOT NULL);
     CREATE INDEX ledger_kind ON ledger (kind, seq);`,
  },
  {
    sqlite: `CREATE TABLE documents (
       kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
       PRIMARY KEY (kind, id)) WITHOUT ROWID;
     INSERT INTO documents SELECT 'sealed', name, 1, value FROM sealed;
     INSERT INTO documents SELECT 'host-report', host, 1, CAST(report AS BLOB) FROM hosts;
     DROP TABLE sealed;
     DROP TABLE hosts;`,
    postgres: `CREATE TABLE documents (
       kind TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, value BYTEA NOT NULL,
       PRIMARY KEY (kind, id));`,
  },
];

/** A store that a later version of the program has migrated is left alone: what it added may be what keeps it right. */
export function laterSchema(found: number, known: number): Error {
  return new Error(`it was written by a later version of chancery (schema ${found} of ${known})`);
}

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
  {
    sqlite: `CREATE INDEX ledger_time ON ledger (at_ms, seq);
     CREATE INDEX ledger_subject ON ledger (subject, at_ms, seq);
     CREATE INDEX ledger_kind_time ON ledger (kind, at_ms, seq);
     CREATE TRIGGER ledger_append_only BEFORE UPDATE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is only ever added to'); END;
     CREATE TABLE resources (
       id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, commit_id TEXT NOT NULL,
       places TEXT NOT NULL, bytes BLOB NOT NULL);
     CREATE INDEX resources_seen ON resources (seen_ms);`,
    postgres: `CREATE INDEX ledger_time ON ledger (at_ms, seq);
     CREATE INDEX ledger_subject ON ledger (subject, at_ms, seq);
     CREATE INDEX ledger_kind_time ON ledger (kind, at_ms, seq);
     CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the ledger is only ever added to'; END $$;
     CREATE TRIGGER ledger_append_only BEFORE UPDATE ON ledger
       FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
     CREATE TABLE resources (
       id TEXT COLLATE "C" PRIMARY KEY, at_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL, commit_id TEXT NOT NULL,
       places TEXT NOT NULL, bytes BYTEA NOT NULL);
     CREATE INDEX resources_seen ON resources (seen_ms);`,
  },
  {
    sqlite: `CREATE TABLE lease (
       name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, version INTEGER NOT NULL, holder TEXT NOT NULL);`,
    // By triggers, so that what replicas of the version before write is heard as well. 7000: a payload is below 8000 bytes.
    postgres: `CREATE TABLE lease (
       name TEXT COLLATE "C" PRIMARY KEY, epoch BIGINT NOT NULL, version BIGINT NOT NULL, holder TEXT NOT NULL);
     CREATE FUNCTION documents_changed() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN
         IF TG_OP = 'DELETE' THEN PERFORM pg_notify('chancery', left('document ' || OLD.kind || ' ' || OLD.id, 7000));
         ELSE PERFORM pg_notify('chancery', left('document ' || NEW.kind || ' ' || NEW.id, 7000));
         END IF;
         RETURN NULL;
       END $$;
     CREATE TRIGGER documents_changed AFTER INSERT OR UPDATE OR DELETE ON documents
       FOR EACH ROW EXECUTE FUNCTION documents_changed();
     CREATE FUNCTION lease_changed() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN PERFORM pg_notify('chancery', 'lease'); RETURN NULL; END $$;
     CREATE TRIGGER lease_changed AFTER INSERT OR UPDATE ON lease
       FOR EACH ROW EXECUTE FUNCTION lease_changed();`,
  },
];

/** A store that a later version of the program has migrated is left alone: what it added may be what keeps it right. */
export function laterSchema(found: number, known: number): Error {
  return new Error(`it was written by a later version of chancery (schema ${found} of ${known})`);
}

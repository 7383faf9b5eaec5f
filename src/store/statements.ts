import { type LedgerEntry, type MadeResource, resourceId } from '../base/ledger.ts';
import type { DocumentVersion, LedgerQuery, StoredDocument, StoredLease } from './store.ts';

/**
 * The statements of both backends: the subset of SQL in which SQLite and PostgreSQL mean the same. Parameters are `?`
 * here; `numbered` writes them for PostgreSQL.
 */
export const statements = {
  get: 'SELECT id, version, value FROM documents WHERE kind = ? AND id = ?',
  list: 'SELECT id, version, value FROM documents WHERE kind = ? ORDER BY id',
  insert:
    'INSERT INTO documents (kind, id, version, value) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING RETURNING version',
  replace:
    'INSERT INTO documents (kind, id, version, value) VALUES (?, ?, 1, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, version = documents.version + 1 RETURNING version',
  update:
    'UPDATE documents SET value = ?, version = version + 1 WHERE kind = ? AND id = ? AND version = ? RETURNING version',
  remove: 'DELETE FROM documents WHERE kind = ? AND id = ?',
  lease: "SELECT epoch, version, holder FROM lease WHERE name = 'leader'",
  firstLease:
    "INSERT INTO lease (name, epoch, version, holder) VALUES ('leader', ?, 1, ?) ON CONFLICT DO NOTHING RETURNING version",
  nextLease:
    "UPDATE lease SET epoch = ?, holder = ?, version = version + 1 WHERE name = 'leader' AND version = ? RETURNING version",
  record: 'INSERT INTO ledger (at_ms, kind, subject, facts) VALUES (?, ?, ?, ?)',
  prune: 'DELETE FROM ledger WHERE seq <= (SELECT MAX(seq) FROM ledger) - ? OR at_ms < ?',
  resource: 'SELECT id, at_ms, commit_id, places, bytes FROM resources WHERE id = ?',
  keepResource:
    'INSERT INTO resources (id, at_ms, seen_ms, commit_id, places, bytes) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms',
  pruneResources:
    'DELETE FROM resources WHERE id IN (SELECT id FROM resources ORDER BY seen_ms DESC LIMIT ? OFFSET ?)',
} as const;

export function numbered(sql: string): string {
  let index = 0;
  return sql.replaceAll('?', () => {
    index += 1;
    return `$${index}`;
  });
}

export type Row = Readonly<Record<string, unknown>>;

/** A statement and its parameters. */
export type Statement = readonly [sql: string, parameters: readonly Parameter[]];

/**
 * The same statement, which does something only while the lease has this epoch. `lock` keeps the lease from changing
 * between the look and the write, where statements run beside each other.
 */
interface Fence {
  readonly epoch: number;
  readonly lock: '' | ' FOR SHARE';
}

function fence({ epoch, lock }: Fence): Statement {
  const look = `SELECT epoch FROM lease WHERE name = 'leader' AND epoch = ?${lock}`;
  return [`WITH fence AS (${look}) `, [epoch]];
}

/** The statement of a `put` behind a fence. */
export function fencedPut(
  kind: string,
  id: string,
  value: Uint8Array,
  ifVersion: number | undefined,
  given: Fence,
): Statement {
  const [look, epoch] = fence(given);
  if (ifVersion === undefined || ifVersion === 0) {
    const conflict =
      ifVersion === 0
        ? 'DO NOTHING'
        : '(kind, id) DO UPDATE SET value = excluded.value, version = documents.version + 1';
    const insert = `INSERT INTO documents (kind, id, version, value) SELECT ?, ?, 1, ? FROM fence WHERE true ON CONFLICT ${conflict} RETURNING version`;
    return [look + insert, [...epoch, kind, id, value]];
  }
  const update =
    'UPDATE documents SET value = ?, version = version + 1 FROM fence WHERE kind = ? AND id = ? AND version = ? RETURNING version';
  return [look + update, [...epoch, value, kind, id, ifVersion]];
}

export function removeStatement(kind: string, id: string, given: Fence | undefined): Statement {
  if (given === undefined) return [statements.remove, [kind, id]];
  const [look, epoch] = fence(given);
  return [`${look}${statements.remove} AND EXISTS (SELECT 1 FROM fence)`, [...epoch, kind, id]];
}

export function versionsStatement(kinds: readonly string[]): Statement {
  const list = kinds.map(() => '?').join(', ');
  return [`SELECT kind, id, version FROM documents WHERE kind IN (${list})`, kinds];
}

export function leaseStatement(
  { epoch, holder }: Pick<StoredLease, 'epoch' | 'holder'>,
  ifVersion: number,
): Statement {
  return ifVersion === 0
    ? [statements.firstLease, [epoch, holder]]
    : [statements.nextLease, [epoch, holder, ifVersion]];
}

export function storedLease(row: Row): StoredLease {
  return {
    epoch: Number(row['epoch']),
    version: Number(row['version']),
    holder: String(row['holder']),
  };
}

export function documentVersion(row: Row): DocumentVersion {
  return { kind: String(row['kind']), id: String(row['id']), version: Number(row['version']) };
}

/** The statement of a `put` and its parameters. */
export function putStatement(
  kind: string,
  id: string,
  value: Uint8Array,
  ifVersion: number | undefined,
): Statement {
  if (ifVersion === 0) return [statements.insert, [kind, id, value]];
  if (ifVersion === undefined) return [statements.replace, [kind, id, value]];
  return [statements.update, [value, kind, id, ifVersion]];
}

export type Parameter = string | number | Uint8Array;

/** Each condition stands on an index that ends in the order of the answer. */
export function ledgerStatement(query: LedgerQuery): readonly [sql: string, Parameter[]] {
  const { subject, sinceMs, untilMs, before, limit } = query;
  const kinds = typeof query.kind === 'string' ? [query.kind] : query.kind;
  const conditions: string[] = [];
  const parameters: Parameter[] = [];
  const where = (condition: string, ...values: readonly Parameter[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  if (subject !== undefined) where('subject = ?', subject);
  if (kinds !== undefined) where(`kind IN (${kinds.map(() => '?').join(', ')})`, ...kinds);
  if (sinceMs !== undefined) where('at_ms >= ?', sinceMs);
  if (untilMs !== undefined) where('at_ms <= ?', untilMs);
  if (before !== undefined) where('(at_ms, seq) < (?, ?)', before.atMs, before.seq);
  const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const sql = `SELECT seq, at_ms, kind, subject, facts FROM ledger ${filter} ORDER BY at_ms DESC, seq DESC LIMIT ?`;
  return [sql, [...parameters, limit]];
}

/** So many in one statement: below what either database takes as parameters. */
const touchedAtOnce = 500;

export function touchStatements(
  ids: readonly string[],
  nowMs: number,
): readonly (readonly [sql: string, Parameter[]])[] {
  const groups = Array.from({ length: Math.ceil(ids.length / touchedAtOnce) }, (_, index) =>
    ids.slice(index * touchedAtOnce, (index + 1) * touchedAtOnce),
  );
  return groups.map((group) => [
    `UPDATE resources SET seen_ms = ? WHERE id IN (${group.map(() => '?').join(', ')})`,
    [nowMs, ...group],
  ]);
}

export function keepParameters(resource: MadeResource): Parameter[] {
  const { atMs, commit, from, bytes } = resource;
  return [resourceId(resource), atMs, atMs, commit, JSON.stringify(from), bytes];
}

export function storedDocument(row: Row): StoredDocument {
  return {
    id: String(row['id']),
    version: Number(row['version']),
    value: new Uint8Array(row['value'] as Uint8Array),
  };
}

export function ledgerEntry(row: Row): LedgerEntry {
  return {
    seq: Number(row['seq']),
    atMs: Number(row['at_ms']),
    kind: String(row['kind']),
    subject: String(row['subject']),
    facts: JSON.parse(String(row['facts'])) as LedgerEntry['facts'],
  };
}

export function madeResource(row: Row): MadeResource {
  const [type = '', version = '', ...name] = String(row['id']).split(' ');
  return {
    type,
    version,
    name: name.join(' '),
    atMs: Number(row['at_ms']),
    commit: String(row['commit_id']),
    from: JSON.parse(String(row['places'])) as MadeResource['from'],
    bytes: new Uint8Array(row['bytes'] as Uint8Array),
  };
}

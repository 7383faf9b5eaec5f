import type { LedgerEntry, StoredDocument } from './store.ts';

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
  ledger: 'SELECT seq, at_ms, kind, subject, facts FROM ledger ORDER BY seq DESC LIMIT ?',
  ledgerOfKind:
    'SELECT seq, at_ms, kind, subject, facts FROM ledger WHERE kind = ? ORDER BY seq DESC LIMIT ?',
  record: 'INSERT INTO ledger (at_ms, kind, subject, facts) VALUES (?, ?, ?, ?)',
  prune: 'DELETE FROM ledger WHERE seq <= (SELECT MAX(seq) FROM ledger) - ?',
} as const;

export function numbered(sql: string): string {
  let index = 0;
  return sql.replaceAll('?', () => {
    index += 1;
    return `$${index}`;
  });
}

export type Row = Readonly<Record<string, unknown>>;

/** The statement of a `put` and its parameters. */
export function putStatement(
  kind: string,
  id: string,
  value: Uint8Array,
  ifVersion: number | undefined,
): readonly [sql: string, parameters: readonly (string | number | Uint8Array)[]] {
  if (ifVersion === 0) return [statements.insert, [kind, id, value]];
  if (ifVersion === undefined) return [statements.replace, [kind, id, value]];
  return [statements.update, [value, kind, id, ifVersion]];
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

import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Layout, layoutOf } from '../app/layout.ts';
import { ChanceryError } from '../base/error.ts';
import { fitted } from '../base/wrap.ts';
import { type BackupFacts, backupSqlite, restoreSqlite } from '../store/backup.ts';
import { type Help, parseArguments, usageError } from './arguments.ts';
import { folderNamed } from './folder.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';

const backupUsage: Help = {
  usage: 'backup DIR --to FILE [--json]',
  text: [
    'One consistent state of the SQLite store of a mesh as a file, also while its control plane runs: the CA, hosts, tokens and the ledger. The CA stays sealed in it; its key (DIR/.chancery/kek, or what --kek names) is not in it and is to be kept elsewhere. Without that key a backup is of no use, and with both whoever has them is the CA.',
    '',
    [
      '--store PATH',
      'the SQLite file, where the control plane was started with --store; also CHANCERY_STORE',
    ],
    '',
    'With PostgreSQL take its own tools: pg_dump --format=custom, or the backups of whoever runs it.',
  ],
  examples: ['chancery backup /srv/intent --to /backup/chancery-2026-01-31.db'],
};

const restoreUsage: Help = {
  usage: 'restore DIR --from FILE [--json]',
  text: [
    'Puts a backup in the place of a store that is gone. A store that is there is not touched: stop the control plane and move it away first. Then start the control plane with the key that it had.',
    '',
    [
      '--store PATH',
      'the SQLite file, where the control plane is started with --store; also CHANCERY_STORE',
    ],
  ],
  examples: ['chancery restore /srv/intent --from /backup/chancery-2026-01-31.db'],
};

const options = {
  json: { type: 'boolean' },
  store: { type: 'string' },
  to: { type: 'string' },
  from: { type: 'string' },
} as const;

export async function backup(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const given = read(args, 'to', backupUsage, terminal);
  if (given === undefined) return 0;
  const facts = backupSqlite(given.database, given.file);
  const key = 'the key of the CA is not in it; keep that elsewhere';
  const text = `${given.file}: ${factsText(facts)}\n${key}`;
  terminal.out(given.json ? JSON.stringify(facts) : fitted(text, terminal.width));
  return 0;
}

export async function restore(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const given = read(args, 'from', restoreUsage, terminal);
  if (given === undefined) return 0;
  mkdirSync(given.layout.stateDir, { recursive: true, mode: 0o700 });
  const facts = restoreSqlite(given.file, given.database);
  const next = 'start the control plane with the key that the CA was sealed under';
  const text = `restored ${factsText(facts)}\n${next}`;
  terminal.out(given.json ? JSON.stringify(facts) : fitted(text, terminal.width));
  return 0;
}

interface Given {
  readonly layout: Layout;
  readonly database: string;
  readonly file: string;
  readonly json: boolean;
}

/** Undefined: help was asked for and shown. */
function read(
  args: readonly string[],
  flag: 'to' | 'from',
  usage: Help,
  terminal: Terminal,
): Given | undefined {
  const other = flag === 'to' ? 'from' : 'to';
  const { [other]: _, ...mine } = options;
  const { help, positionals, values } = parseArguments(args, mine, usage);
  if (help !== undefined) {
    terminal.out(helpFor(help, terminal));
    return undefined;
  }
  const [dir, ...more] = positionals;
  const file = values[flag];
  if (dir === undefined || more.length > 0) throw usageError('it takes one folder', usage);
  if (typeof file !== 'string' || file === '') throw usageError(`it needs --${flag} FILE`, usage);
  // A machine that takes the place of another has no folder yet.
  if (flag === 'from') mkdirSync(dir, { recursive: true });
  const layout = layoutOf(folderNamed(dir), process.env);
  const said = values['store'] ?? process.env['CHANCERY_STORE'];
  const database = typeof said === 'string' && said !== '' ? said : layout.database;
  if (/^postgres(ql)?:/.test(database)) throw ofPostgres();
  return {
    layout,
    database: resolve(database),
    file: resolve(file),
    json: values['json'] === true,
  };
}

function factsText({ documents, sealed, ledgerEntries }: BackupFacts): string {
  return `${documents} documents, ${sealed} of them sealed, and ${ledgerEntries} entries of the ledger`;
}

function ofPostgres(): ChanceryError {
  return new ChanceryError({
    code: 'CH5443',
    message: 'the store is a PostgreSQL database, which is backed up with its own tools',
    help: 'pg_dump --format=custom DATABASE > FILE, and pg_restore; docs/operate.md has more',
  });
}

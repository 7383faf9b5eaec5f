import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Layout, layoutOf } from '../app/layout.ts';
import { ChanceryError } from '../base/error.ts';
import { fitted } from '../base/wrap.ts';
import { type BackupFacts, backupSqlite, restoreSqlite } from '../store/backup.ts';
import { usageError, type Values } from './arguments.ts';
import { command } from './command.ts';
import { folderNamed } from './folder.ts';

const flags = { json: { type: 'boolean' }, store: { type: 'string' } } as const;

export const backup = command({
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
  flags: { ...flags, to: { type: 'string' } },
  run({ positionals, values, terminal }) {
    const { database, file } = placesOf(positionals, values, { flag: '--to', path: values.to });
    const facts = backupSqlite(database, file);
    const key = 'the key of the CA is not in it; keep that elsewhere';
    const text = `${file}: ${factsText(facts)}\n${key}`;
    terminal.out(values.json ? JSON.stringify(facts) : fitted(text, terminal.width));
    return 0;
  },
});

export const restore = command({
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
  flags: { ...flags, from: { type: 'string' } },
  run({ positionals, values, terminal }) {
    const given = placesOf(positionals, values, { flag: '--from', path: values.from });
    mkdirSync(given.layout.stateDir, { recursive: true, mode: 0o700 });
    const facts = restoreSqlite(given.file, given.database);
    const next = 'start the control plane with the key that the CA was sealed under';
    const text = `restored ${factsText(facts)}\n${next}`;
    terminal.out(values.json ? JSON.stringify(facts) : fitted(text, terminal.width));
    return 0;
  },
});

interface Places {
  readonly layout: Layout;
  readonly database: string;
  readonly file: string;
}

function placesOf(
  [dir, ...more]: readonly string[],
  { store = process.env['CHANCERY_STORE'] }: Values<typeof flags>,
  file: { readonly flag: '--to' | '--from'; readonly path: string | undefined },
): Places {
  if (dir === undefined || more.length > 0) throw usageError('it takes one folder');
  if (file.path === undefined || file.path === '') throw usageError(`it needs ${file.flag} FILE`);
  // A machine that takes the place of another has no folder yet.
  if (file.flag === '--from') mkdirSync(dir, { recursive: true });
  const layout = layoutOf(folderNamed(dir), process.env);
  const database = store === undefined || store === '' ? layout.database : store;
  if (/^postgres(ql)?:/.test(database)) throw ofPostgres();
  return { layout, database: resolve(database), file: resolve(file.path) };
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

/**
 * Loaded with `--import`: the process kills itself before its write number KILL_AT, as kill -9 or a lost power supply would.
 * Writes are those to files, their names and folders, and the statements that change a database.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync, StatementSync } from 'node:sqlite';

let left = Number(process.env['KILL_AT']);

function count(): void {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

type Anything = (...args: unknown[]) => unknown;

function before(target: object, name: string, isWrite: (...args: unknown[]) => boolean): void {
  const owner = target as Record<string, Anything>;
  const original = owner[name];
  if (original === undefined) throw new Error(`there is no ${name}`);
  owner[name] = function (this: unknown, ...args: unknown[]) {
    if (isWrite.apply(this, args)) count();
    return original.apply(this, args);
  };
}

for (const name of ['writeSync', 'fsyncSync', 'renameSync', 'linkSync', 'rmSync']) {
  before(fs, name, () => true);
}
before(fs, 'openSync', (_path, flags) => String(flags).includes('w'));
syncBuiltinESMExports();
before(DatabaseSync.prototype, 'exec', (sql) => !String(sql).startsWith('PRAGMA'));
for (const name of ['get', 'run']) {
  before(StatementSync.prototype, name, function (this: unknown) {
    return /^(INSERT|UPDATE|DELETE)/.test((this as StatementSync).sourceSQL);
  });
}

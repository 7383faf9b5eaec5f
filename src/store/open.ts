import { openPostgresStore } from './postgres.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

/** `postgres://…` is a database for several replicas; anything else is the path of a SQLite file. */
export async function openStore(address: string): Promise<Store> {
  return /^postgres(ql)?:\/\//.test(address)
    ? openPostgresStore(address)
    : openSqliteStore(address);
}

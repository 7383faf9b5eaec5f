import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** PostgreSQL refuses to run as root; this is the uid of `nobody`. */
const unprivilegedId = 65_534;
/** Recovery after a cut reads and writes the whole log; on a busy disk that takes its time. */
const startWithinMs = 60_000;

/** Why there is no PostgreSQL to test against; undefined when there is. */
export function noPostgres(): string | undefined {
  const missing = ['initdb', 'postgres'].filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `PostgreSQL is not installed: no ${missing.join(', ')}`;
}

function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}

/** A real PostgreSQL server of its own, reached on a unix socket in its own folder. */
export class PostgresServer {
  readonly #dir = mkdtempSync(join(tmpdir(), 'pg-'));
  readonly #owner =
    process.getuid?.() === 0 ? { uid: unprivilegedId, gid: unprivilegedId } : undefined;
  #server: ReturnType<typeof spawn> | undefined;
  #databases = 0;

  async start(): Promise<void> {
    const data = join(this.#dir, 'data');
    if (!existsSync(data)) {
      if (this.#owner !== undefined) chownSync(this.#dir, this.#owner.uid, this.#owner.gid);
      chmodSync(this.#dir, 0o700);
      execFileSync('initdb', ['-D', data, '-U', 'chancery', '-A', 'trust', '-E', 'UTF8'], {
        ...this.#owner,
        cwd: this.#dir,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
    const settings = ['listen_addresses=', `unix_socket_directories=${this.#dir}`];
    this.#server = spawn(
      'postgres',
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      { ...this.#owner, cwd: this.#dir, stdio: 'ignore' },
    );
    await this.#ready();
  }

  async #ready(): Promise<void> {
    const deadlineMs = performance.now() + startWithinMs;
    const { default: pg } = await import('pg');
    for (;;) {
      const client = new pg.Client({ connectionString: this.#url('postgres') });
      // A server that starts up may also end the connection later.
      client.on('error', () => {});
      try {
        await client.connect();
        return;
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await new Promise((wake) => setTimeout(wake, 50));
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  #url(database: string): string {
    return `postgres://chancery@/${database}?host=${encodeURIComponent(this.#dir)}`;
  }

  /** The address of a new, empty database. */
  async database(): Promise<string> {
    const { default: pg } = await import('pg');
    this.#databases += 1;
    const name = `db${this.#databases}`;
    const client = new pg.Client({ connectionString: this.#url('postgres') });
    await client.connect();
    await client.query(`CREATE DATABASE ${name}`);
    await client.end();
    return this.#url(name);
  }

  /** As a power cut would: no checkpoint, no goodbye. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    // SIGQUIT is PostgreSQL's immediate shutdown: its children end with it, which SIGKILL of the parent would not do.
    server.kill('SIGQUIT');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

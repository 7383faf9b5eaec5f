import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** A directory service that does not answer must not hold up an attestation for long. */
const lookupTimeoutMs = 2_000;
const entriesMax = 10_000;

/** Names of users or groups by number: the local file first, then whatever `getent` asks. */
export class AccountNames {
  readonly #file: string;
  readonly #database: 'passwd' | 'group';
  #mtimeMs = -1;
  #local: ReadonlyMap<number, string> = new Map();
  readonly #asked = new Map<number, string | undefined>();

  constructor(database: 'passwd' | 'group', file: string = `/etc/${database}`) {
    this.#database = database;
    this.#file = file;
  }

  /** Undefined when the number has no name. */
  async nameOf(id: number): Promise<string | undefined> {
    this.#refresh();
    const local = this.#local.get(id);
    if (local !== undefined) return local;
    if (!this.#asked.has(id)) {
      if (this.#asked.size >= entriesMax) this.#asked.clear();
      this.#asked.set(id, await this.#ask(id));
    }
    return this.#asked.get(id);
  }

  #refresh(): void {
    const mtimeMs = statSync(this.#file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (mtimeMs === this.#mtimeMs) return;
    this.#mtimeMs = mtimeMs;
    this.#asked.clear();
    const text = mtimeMs === 0 ? '' : readFileSync(this.#file, 'utf8');
    const names = new Map<number, string>();
    for (const line of text.split('\n')) {
      const [name = '', , id = ''] = line.split(':');
      // The first name of a number is its name, as in the C library.
      if (/^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
    }
    this.#local = names;
  }

  async #ask(id: number): Promise<string | undefined> {
    try {
      const { stdout } = await run('getent', [this.#database, String(id)], {
        timeout: lookupTimeoutMs,
      });
      return stdout.split(':')[0];
    } catch {
      return undefined;
    }
  }
}

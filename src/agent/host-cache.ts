import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/error.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type OpenError, open, seal } from '../identity/seal.ts';
import type { AgentUpdate, SealedBy } from '../serve/api/wire.ts';
import { replaceDurably } from '../store/durable-file.ts';
import { type HostKey, type HostKeyOptions, openHostKeys } from './host-key.ts';
import type { HostIdentity } from './link-state.ts';
import type { Svid } from './svid-keeper.ts';

type Update<Kind extends AgentUpdate['kind']> = AgentUpdate & { readonly kind: Kind };

/** What an agent needs to serve on without its control plane. */
export interface Kept {
  readonly trust: Update<'trust'> | undefined;
  readonly entries: Update<'entries'> | undefined;
  readonly policy: Update<'policy'> | undefined;
  /** By holder: a workload's id, or the SPIFFE ID for processes of the host. */
  readonly svids: Readonly<Record<string, Svid>>;
  readonly host: HostIdentity | undefined;
  /** The key that the host's first certificate is asked for, until it has one. */
  readonly firstKeyPem: string | undefined;
}

const nothing: Kept = {
  trust: undefined,
  entries: undefined,
  policy: undefined,
  svids: {},
  host: undefined,
  firstKeyPem: undefined,
};
const fileName = 'agent.sealed';

/**
 * The agent's memory on disk, sealed: an agent that restarts while the control plane is away serves until its SVIDs end.
 * Its key is bound to the host, so that a copy of the folder opens nowhere else.
 */
export class HostCache {
  readonly #path: string;
  readonly #random: Random;
  readonly #log: Log;
  readonly #key: HostKey | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly kept: Kept;
  #problem: string | undefined;

  private constructor(
    path: string,
    options: { readonly random: Random; readonly log: Log },
    key: HostKey | undefined,
    kept: Kept,
  ) {
    this.#path = path;
    this.#random = options.random;
    this.#log = options.log;
    this.#key = key;
    this.kept = kept;
  }

  /** Reads what was kept with any key that this host has, and keeps on with the strongest. */
  static async open(dir: string, options: HostKeyOptions): Promise<HostCache> {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const path = join(dir, fileName);
    const keys = await openHostKeys(dir, options);
    const kept = await readKept(path, keys, options.log);
    const cache = new HostCache(path, options, keys[0], kept);
    options.log.info('what the agent holds is kept on disk', { sealedBy: cache.sealedBy });
    return cache;
  }

  get sealedBy(): SealedBy {
    return this.#key?.kind ?? 'nothing';
  }

  get file(): string {
    return this.#path;
  }

  /** Why what is held now is not on disk; undefined: it is, or is not to be. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whole or not at all, also when the machine goes down in between. A full disk loses nothing that is in memory. */
  write(kept: Kept): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(kept));
    return this.#writing;
  }

  async #write(kept: Kept): Promise<void> {
    if (this.#key === undefined) return;
    try {
      const plain = Buffer.from(JSON.stringify(kept));
      replaceDurably(this.#path, seal(await this.#key.key(), plain, fileName, this.#random));
      if (this.#problem !== undefined) this.#log.info('what the agent holds is kept again', {});
      this.#problem = undefined;
    } catch (error) {
      const problem = messageOf(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      this.#log.warn('what the agent holds cannot be kept on disk', problemFields(error));
    }
  }
}

/** What was kept; nothing when there is none, or when it does not open here (which is said). */
async function readKept(path: string, keys: readonly HostKey[], log: Log): Promise<Kept> {
  let sealed: Uint8Array;
  try {
    sealed = readFileSync(path);
  } catch {
    return nothing;
  }
  let problem: OpenError | 'there is no key' = 'there is no key';
  for (const host of keys) {
    const opened = open(await host.key(), sealed, fileName);
    if (opened.ok) {
      return { ...nothing, ...(JSON.parse(Buffer.from(opened.value).toString('utf8')) as Kept) };
    }
    problem = opened.error;
    if (problem !== 'sealed with another key') break;
  }
  log.warn('what the agent kept does not open; it begins anew', {
    problem,
    tried: keys.map(({ kind }) => kind),
    help: 'it was made on another machine or for another user, the machine was started again since (a keyring does not outlive that), or the file is damaged',
  });
  return nothing;
}

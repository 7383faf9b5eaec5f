import { createHmac } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { open, seal } from '../identity/seal.ts';
import type { AgentUpdate } from '../serve/api/wire.ts';
import { openKekFile } from '../store/kek/file.ts';
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
const keyName = 'agent.key';
const machineIdFile = '/etc/machine-id';

/**
 * The agent's memory on disk, sealed: an agent that restarts while the control plane is away serves until its SVIDs end.
 * Its key is made of a file that only its user may read and of the machine's own id, so that a copy of the folder opens
 * nowhere else.
 */
export class HostCache {
  readonly #dir: string;
  readonly #random: Random;
  readonly #log: Log;
  readonly #key: Uint8Array;

  constructor(dir: string, options: { readonly random: Random; readonly log: Log }) {
    this.#dir = dir;
    this.#random = options.random;
    this.#log = options.log;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const secret = openKekFile(join(dir, keyName), options.random);
    this.#key = createHmac('sha256', secret).update(machineId()).digest();
  }

  /** What was kept; nothing when there is none, or when it does not open here (which is said). */
  read(): Kept {
    let sealed: Uint8Array;
    try {
      sealed = readFileSync(join(this.#dir, fileName));
    } catch {
      return nothing;
    }
    const opened = open(this.#key, sealed, fileName);
    if (opened.ok) {
      return { ...nothing, ...(JSON.parse(Buffer.from(opened.value).toString('utf8')) as Kept) };
    }
    this.#log.warn('what the agent kept does not open; it begins anew', {
      problem: opened.error,
      help: 'it was made on another machine or for another user, or the file is damaged',
    });
    return nothing;
  }

  /** Whole or not at all, also when the machine goes down in between. A full disk loses nothing that is in memory. */
  write(kept: Kept): void {
    try {
      const sealed = seal(this.#key, Buffer.from(JSON.stringify(kept)), fileName, this.#random);
      const path = join(this.#dir, fileName);
      const fd = openSync(`${path}.new`, 'w', 0o600);
      try {
        writeSync(fd, sealed);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${path}.new`, path);
    } catch (error) {
      this.#log.warn('what the agent holds cannot be kept on disk', { problem: messageOf(error) });
    }
  }
}

/** Machines without one still have the file's key. */
function machineId(): string {
  try {
    return readFileSync(machineIdFile, 'utf8').trim();
  } catch {
    return '';
  }
}

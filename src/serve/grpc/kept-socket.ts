import { lstatSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import { type Log, problemFields } from '../../base/log.ts';

/** Whatever takes files away that nobody has used for long: some do not know that a socket is in use. */
const lookEveryMs = 2_000;

/** What listens at a socket file. */
export interface SocketListener {
  /** Takes nobody new; whoever is connected stays. `gone` when the last one has left. */
  leave(gone: () => void): void;
  close(): void;
}

export interface KeptSocketParts {
  readonly socket: string;
  /** Whose it is, for the log. */
  readonly of: string;
  /** Makes its folder where it is gone; throws where it may not be used. */
  readonly makeFolder: () => void;
  /** Listens at `socket`, where nothing is, with the mode that it is to have. */
  readonly listen: () => Promise<SocketListener>;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
}

export interface KeptSocket {
  readonly socket: string;
  /** Why nobody reaches it now; undefined: it is there. */
  readonly problem: string | undefined;
  close(): void;
}

/** A socket that was removed is made again; whoever is connected stays. What another one made in its place is left alone. */
export async function keepSocket(parts: KeptSocketParts): Promise<KeptSocket> {
  const kept = new Keeper(parts);
  await kept.open();
  kept.watch();
  return kept;
}

class Keeper implements KeptSocket {
  readonly #parts: KeptSocketParts;
  #listener: SocketListener | undefined;
  /** With connections of before the socket was made again. */
  readonly #former = new Set<SocketListener>();
  /** Which file the own socket is. */
  #file: string | undefined;
  #problem: string | undefined;
  #isClosed = false;
  #cancel = (): void => {};

  constructor(parts: KeptSocketParts) {
    this.#parts = parts;
  }

  get socket(): string {
    return this.#parts.socket;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const one of this.#former) one.close();
    this.#listener?.close();
  }

  async open(): Promise<void> {
    const { socket, listen } = this.#parts;
    this.#listener = await listen();
    if (this.#isClosed) return this.close();
    this.#file = fileOf(socket);
  }

  watch(): void {
    this.#cancel = this.#parts.clock.after(lookEveryMs, () => {
      void this.#look().finally(() => {
        if (!this.#isClosed) this.watch();
      });
    });
  }

  async #look(): Promise<void> {
    const { socket, of, log, makeFolder } = this.#parts;
    try {
      const file = fileOf(socket);
      if (file !== undefined && file === this.#file) {
        this.#problem = undefined;
        return;
      }
      if (file !== undefined) throw new Error('something else is in its place; remove that');
      makeFolder();
      this.#leave();
      await this.open();
      log.warn(`${of} was removed; it is there again`, { socket });
      this.#problem = undefined;
    } catch (error) {
      this.#say(error);
    }
  }

  /** Before the new one is made: a listener that closes takes its path with it, whatever is there. */
  #leave(): void {
    const former = this.#listener;
    if (former === undefined) return;
    this.#listener = undefined;
    this.#former.add(former);
    former.leave(() => this.#former.delete(former));
  }

  #say(error: unknown): void {
    const problem = messageOf(error);
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log, of, socket } = this.#parts;
    const said = { socket, ...problemFields(error) };
    log.error(`${of} is gone and cannot be made again yet`, said);
  }
}

/** An inode alone is given again to whatever is made next. */
function fileOf(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
}

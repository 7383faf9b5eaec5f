import { chmodSync, lstatSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import { type Log, problemFields } from '../base/log.ts';
import { type ApiHandler, createApiServer } from '../serve/api/server.ts';

/** Whatever takes files away that nobody has used for long: some do not know that a socket is in use. */
const lookEveryMs = 2_000;

/** The operators' socket, which only this user may open. */
export interface LocalDoor {
  /** From the next call on. */
  serve(handler: ApiHandler): void;
  close(): void;
}

export interface LocalDoorParts {
  readonly socket: string;
  /** Makes its folder where it is gone; throws where it may not be used. */
  readonly makeFolder: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Only for who holds the lock of the folder: a socket that is there is of nobody who lives. */
export async function listenLocally(parts: LocalDoorParts, first: ApiHandler): Promise<LocalDoor> {
  rmSync(parts.socket, { force: true });
  const door = new Door(parts, first);
  await door.open();
  door.watch();
  return door;
}

/** A socket that was removed is made again; whoever is connected stays. What another one made in its place is left alone. */
class Door implements LocalDoor {
  readonly #parts: LocalDoorParts;
  #handler: ApiHandler;
  #server: Server | undefined;
  /** With connections of before the socket was made again. */
  readonly #former = new Set<Server>();
  /** Which file the own socket is. */
  #file: string | undefined;
  #said = '';
  #isClosed = false;
  #cancel = (): void => {};

  constructor(parts: LocalDoorParts, first: ApiHandler) {
    this.#parts = parts;
    this.#handler = first;
  }

  serve(handler: ApiHandler): void {
    this.#handler = handler;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const server of [...this.#former, ...(this.#server ? [this.#server] : [])]) {
      server.closeAllConnections();
      server.close();
    }
  }

  async open(): Promise<void> {
    const { socket } = this.#parts;
    const server = createApiServer((request) => this.#handler(request));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
    this.#server = server;
    if (this.#isClosed) return this.close();
    chmodSync(socket, 0o600);
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
    const { socket, log, makeFolder } = this.#parts;
    try {
      const file = fileOf(socket);
      if (file !== undefined && file === this.#file) return;
      if (file !== undefined) throw new Error('something else is in its place; remove that');
      makeFolder();
      this.#leave();
      await this.open();
      log.warn('the control socket was removed; it is there again', { socket });
      this.#said = '';
    } catch (error) {
      this.#say(error);
    }
  }

  /** Before the new one is made: a listener that closes takes its path with it, whatever is there. */
  #leave(): void {
    const former = this.#server;
    if (former === undefined) return;
    this.#server = undefined;
    this.#former.add(former);
    former.close(() => this.#former.delete(former));
  }

  #say(error: unknown): void {
    if (messageOf(error) === this.#said) return;
    this.#said = messageOf(error);
    const { log, socket } = this.#parts;
    const said = { socket, ...problemFields(error) };
    log.error('the control socket is gone and cannot be made again yet', said);
  }
}

/** An inode alone is given again to whatever is made next. */
function fileOf(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
}

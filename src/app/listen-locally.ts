import { rmSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { keepApiSocket } from '../serve/api/kept-api.ts';
import type { ApiHandler } from '../serve/api/server.ts';

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
  let handler = first;
  const of = 'the control socket';
  const kept = await keepApiSocket({ ...parts, of }, (request) => handler(request));
  return {
    serve: (next) => {
      handler = next;
    },
    close: () => kept.close(),
  };
}

import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Peer } from './peer.ts';

interface Guest {
  openStreams: number;
  /** `idle`: it had no call at the last sweep. `told`: it was asked to go. */
  state: 'busy' | 'idle' | 'told';
}

export function sendAway(session: ServerHttp2Session, why: string): void {
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(why));
  session.close();
}

/**
 * The connections of a socket that anybody may open: nobody takes them all, and none is held for nothing. Clients that
 * are told to go away come again when they have something to ask.
 */
export class Crowd {
  readonly #connectionsPerUser: number;
  readonly #guests = new Map<ServerHttp2Session, Guest>();
  readonly #users = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  /** One timer for all: a connection is idle for one to two of its rounds. */
  constructor(options: { readonly connectionsPerUser: number; readonly idleMs: number }) {
    this.#connectionsPerUser = options.connectionsPerUser;
    this.#timer = setInterval(() => this.#sweep(), options.idleMs / 2);
    this.#timer.unref();
  }

  /** False: it is one too many and is told so. */
  admit(session: ServerHttp2Session, peer: Peer): boolean {
    const uid = peer.kind === 'unix' ? peer.credentials.uid : nobody;
    const connections = (this.#users.get(uid) ?? 0) + 1;
    if (uid !== 0 && connections > this.#connectionsPerUser) {
      sendAway(session, `user ${uid} has ${this.#connectionsPerUser} connections already`);
      return false;
    }
    this.#users.set(uid, connections);
    this.#guests.set(session, { openStreams: 0, state: 'busy' });
    session.once('close', () => {
      this.#guests.delete(session);
      const left = (this.#users.get(uid) ?? 1) - 1;
      if (left === 0) this.#users.delete(uid);
      else this.#users.set(uid, left);
    });
    return true;
  }

  begun(session: ServerHttp2Session, stream: ServerHttp2Stream): void {
    const guest = this.#guests.get(session);
    if (guest === undefined) return;
    guest.openStreams += 1;
    guest.state = 'busy';
    stream.once('close', () => {
      guest.openStreams -= 1;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    for (const [session, guest] of this.#guests) {
      if (guest.openStreams > 0) continue;
      switch (guest.state) {
        case 'busy':
          guest.state = 'idle';
          break;
        case 'idle':
          guest.state = 'told';
          session.close();
          break;
        case 'told':
          session.destroy();
          break;
      }
    }
  }
}

/** Callers of whom nothing is known count as one. */
const nobody = -1;

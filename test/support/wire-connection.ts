import tls from 'node:tls';

export interface WireCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A connection of somebody with a certificate to the ingress of a TCP service, past any proxy of its own. */
export interface WireConnection {
  /** Whether the handshake went well, as far as this side can tell. */
  readonly isSecure: boolean;
  readonly isResumed: boolean;
  readonly text: string;
  readonly isClosed: boolean;
  /** To resume with. */
  readonly session: Buffer | undefined;
  say(text: string): void;
  /** Until it has said this, or is closed; returns what it said. */
  heard(text: string, withinMs?: number): Promise<string>;
  /** Until it is closed; returns what it said. */
  closed(withinMs?: number): Promise<string>;
  close(): void;
}

/** Says nothing by itself. Undefined: comes without a certificate. */
export async function wireConnection(
  port: number,
  who: WireCertificate | undefined,
  session?: Buffer,
): Promise<WireConnection> {
  const state = { isSecure: false, isResumed: false, text: '', isClosed: false };
  let ticket: Buffer | undefined;
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['chancery-tcp'] },
    ...who,
    ...(session === undefined ? {} : { session }),
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      state.isClosed = true;
      resolve();
    });
  });
  socket.on('error', () => {});
  socket.on('session', (one: Buffer) => {
    ticket = one;
  });
  socket.on('data', (chunk: Buffer) => {
    state.text += chunk.toString('latin1');
  });
  const secured = new Promise<void>((resolve) => {
    socket.once('secureConnect', () => {
      state.isSecure = true;
      state.isResumed = socket.isSessionReused();
      resolve();
    });
  });
  await Promise.race([secured, ended]);
  const until = async (isSo: () => boolean, withinMs: number): Promise<string> => {
    const endMs = performance.now() + withinMs;
    while (!isSo() && !state.isClosed && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, 5));
    }
    return state.text;
  };
  return {
    get isSecure() {
      return state.isSecure;
    },
    get isResumed() {
      return state.isResumed;
    },
    get text() {
      return state.text;
    },
    get isClosed() {
      return state.isClosed;
    },
    get session() {
      return ticket;
    },
    say: (text) => void socket.write(text),
    heard: (text, withinMs = 3_000) => until(() => state.text.includes(text), withinMs),
    closed: (withinMs = 3_000) => until(() => state.isClosed, withinMs),
    close: () => void socket.destroy(),
  };
}

import tls from 'node:tls';

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** PEM texts; `chancery-tcp` is the protocol of services that speak TCP. */
export interface WirePeer {
  readonly cert: string;
  readonly key: string;
  /** Where it connects from; what the system takes unless said. */
  readonly localAddress?: string;
}

/** Bytes as they are over one connection with a certificate, one request after another; opened anew when it was closed. */
export class WireClient {
  /** Connections that were opened so far. */
  connections = 0;
  readonly #port: () => number;
  readonly #peer: WirePeer;
  #socket: tls.TLSSocket | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(port: () => number, peer: WirePeer) {
    this.#port = port;
    this.#peer = peer;
  }

  /** HTTP/1.1. Rejects when the connection ends without an answer. */
  send(request: string): Promise<WireAnswer> {
    const answer = this.#last.then(() => this.#exchange(request));
    this.#last = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #exchange(request: string): Promise<WireAnswer> {
    const socket = this.#socket ?? (await this.#connect());
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      let text = '';
      const done = (answer: WireAnswer): void => {
        socket.removeAllListeners();
        socket.on('error', () => {});
        if (answer.headers.get('connection') === 'close') this.#forget(socket);
        else socket.once('close', () => this.#forget(socket));
        resolve(answer);
      };
      socket.removeAllListeners();
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        const answer = readAnswer(text, request.startsWith('HEAD '));
        if (answer !== undefined) done(answer);
      });
      socket.once('error', reject);
      socket.once('close', () => {
        this.#forget(socket);
        reject(new Error(`closed without an answer to ${JSON.stringify(request)}: ${text}`));
      });
      socket.write(Buffer.from(request, 'latin1'));
    });
  }

  #connect(): Promise<tls.TLSSocket> {
    this.connections += 1;
    return connectTls(this.#port(), 'http/1.1', this.#peer);
  }

  #forget(socket: tls.TLSSocket): void {
    socket.destroy();
    if (this.#socket === socket) this.#socket = undefined;
  }
}

/** Whom the server is, is not looked at: it is the proxy that was started for this. */
export function connectTls(port: number, alpn: string, peer: WirePeer): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port, rejectUnauthorized: false },
      ...{ ALPNProtocols: [alpn], ...peer },
    });
    socket.setNoDelay();
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

/** Undefined until all of it is there. */
function readAnswer(text: string, isHead: boolean): WireAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  const isWhole =
    isHead ||
    (headers.get('transfer-encoding') === 'chunked'
      ? body.endsWith('0\r\n\r\n')
      : body.length >= Number(headers.get('content-length') ?? 0));
  return isWhole ? { status: Number(first.split(' ')[1]), headers, body } : undefined;
}

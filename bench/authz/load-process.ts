/**
 * The caller of one proxy, with as little work for each request as can be: bytes made before on TLS connections that stay
 * open, one request at a time on each. `wrk` has no client certificates.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';

export interface LoadFile {
  /** Connections are of each of them in turn. */
  readonly callers: readonly { readonly cert: string; readonly key: string }[];
}

export interface LoadQuestion {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  /** Of each caller, whole HTTP/1.1 requests without body. */
  readonly texts: readonly (readonly string[])[];
}

export interface LoadAnswer {
  readonly rps: number;
  readonly p50Ms: number;
}

const given = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as LoadFile;
const headEnd = '\r\n\r\n';
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await load(JSON.parse(line) as LoadQuestion);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function load(question: LoadQuestion): Promise<LoadAnswer> {
  const requests = question.texts.map((texts) => texts.map((text) => Buffer.from(text)));
  const sockets = await Promise.all(
    Array.from({ length: question.connections }, (_, at) => open(question.port, at)),
  );
  const timesMs: number[] = [];
  let left = question.requests;
  const nextOf = (at: number) => {
    const own = requests[at % requests.length] ?? [];
    let sent = 0;
    return (): Buffer | undefined => {
      left -= 1;
      sent += 1;
      return left < 0 ? undefined : own[sent % own.length];
    };
  };
  const startedMs = performance.now();
  await Promise.all(sockets.map((socket, at) => drive(socket, nextOf(at), timesMs)));
  const tookMs = performance.now() - startedMs;
  for (const socket of sockets) socket.destroy();
  timesMs.sort((a, b) => a - b);
  return {
    rps: (timesMs.length / tookMs) * 1_000,
    p50Ms: timesMs[timesMs.length >> 1] ?? Number.NaN,
  };
}

function open(port: number, at: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const caller = given.callers[at % given.callers.length];
    const socket = connect(
      // The proxy's certificate is not what is measured.
      {
        host: '127.0.0.1',
        port,
        ...caller,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      },
      () => resolve(socket),
    );
    socket.setNoDelay(true);
    socket.once('error', reject);
  });
}

/** Every answer must be a 200 with the application's two bytes. */
function drive(
  socket: TLSSocket,
  next: () => Buffer | undefined,
  timesMs: number[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentMs = 0;
    let answer = '';
    const send = (): void => {
      const request = next();
      if (request === undefined) {
        resolve();
        return;
      }
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('a connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (!answer.endsWith(`${headEnd}ok`)) {
        if (answer.startsWith('HTTP/1.1 200') || answer.length < 12) return;
        reject(new Error(answer));
        return;
      }
      answer = '';
      timesMs.push(performance.now() - sentMs);
      send();
    });
    send();
  });
}

import { connect } from 'node:net';

/** What comes first on a connection without TLS; empty when it is closed without a word. */
export function firstLine(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(3_000, () => done('nothing in 3 s'));
    socket.once('data', (chunk: Buffer) => done(chunk.toString('utf8')));
    socket.once('close', () => done(''));
    socket.once('error', () => done(''));
  });
}

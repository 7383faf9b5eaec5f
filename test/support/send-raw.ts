import type net from 'node:net';

export interface Wait {
  /** A peer that is silent for so long gives no answer. */
  readonly quietMs: number;
  /** So long something more may come after a whole answer. */
  readonly settleMs: number;
}

const forOne: Wait = { quietMs: 1_500, settleMs: 5 };
/** All that comes back until the peer closes, has given a whole answer, or falls silent. */
export function sendRaw(
  socket: net.Socket,
  ready: 'connect' | 'secureConnect',
  bytes: string,
  { quietMs, settleMs }: Wait = forOne,
): Promise<string> {
  const isHead = bytes.startsWith('HEAD ');
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(quietMs, done);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isWhole(text, isHead)) socket.setTimeout(settleMs);
    });
    socket.once('close', done);
    socket.once('error', () => {});
    socket.once(ready, () => socket.write(Buffer.from(bytes, 'latin1')));
  });
}

function isWhole(text: string, isHead: boolean): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = text.slice(0, end);
  if (/^HTTP\/1\.1 1(?:00|02|03)/.test(head)) return isWhole(text.slice(end + 4), isHead);
  if (isHead || /^HTTP\S+ (?:101|204|304)/.test(head)) return true;
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length !== undefined) return text.length >= end + 4 + Number(length);
  return text.endsWith('0\r\n\r\n');
}

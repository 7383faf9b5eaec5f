import tls from 'node:tls';
import type { Certificate } from '../../support/peer.ts';

/** HTTP/2 by hand: a client library would not send what an attacker does. */
const type = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  goaway: 7,
  continuation: 9,
} as const;
const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export type Fields = readonly (readonly [name: string, value: string])[];

export function frame(kind: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without index or Huffman code (RFC 7541 section 6.2.2). */
export function fieldBlock(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) length.push(128 + (rest % 128));
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** A request on stream 1; a body leaves the stream open for it and closes it after, with trailers if there are any. */
export function request(
  fields: Fields,
  more: { readonly body?: string; readonly trailers?: Fields; readonly open?: boolean } = {},
): Buffer {
  const { body, trailers, open = false } = more;
  const ends = body === undefined && trailers === undefined && !open;
  const frames = [
    frame(type.headers, flag.endHeaders | (ends ? flag.endStream : 0), 1, fieldBlock(fields)),
  ];
  if (body !== undefined) {
    const last = trailers === undefined && !open;
    frames.push(frame(type.data, last ? flag.endStream : 0, 1, Buffer.from(body, 'latin1')));
  }
  if (trailers !== undefined) {
    frames.push(frame(type.headers, flag.endHeaders | flag.endStream, 1, fieldBlock(trailers)));
  }
  return Buffer.concat(frames);
}

export interface H2Answer {
  /** The status of stream 1, or `reset`, `closed` or `silent`. */
  readonly status: string;
  readonly body: string;
}

/** Sends frames as they are and waits for the end of stream 1 or of the connection. */
export function exchange(
  port: number,
  client: Certificate,
  frames: Uint8Array,
  silentMs = 1_500,
): Promise<H2Answer> {
  return new Promise((resolve) => {
    let rest: Buffer = Buffer.alloc(0);
    let status: string | undefined;
    let body = '';
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...client,
    });
    const end = (otherwise: string): void => {
      socket.destroy();
      resolve({ status: status ?? otherwise, body });
    };
    socket.setTimeout(silentMs, () => end('silent'));
    socket.once('close', () => end('closed'));
    socket.once('error', () => {});
    socket.once('secureConnect', () =>
      socket.write(Buffer.concat([preface, frame(type.settings, 0, 0, Buffer.alloc(0)), frames])),
    );
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const length = rest.readUIntBE(0, 3);
        const [kind, flags, stream] = [rest[3] ?? 0, rest[4] ?? 0, rest.readUInt32BE(5)];
        const payload = rest.subarray(9, 9 + length);
        rest = rest.subarray(9 + length);
        if (kind === type.goaway) end('closed');
        if (stream !== 1) continue;
        if (kind === type.rstStream) end('reset');
        if (kind === type.headers && (status ?? '1').startsWith('1')) status = statusOf(payload);
        if (kind === type.data) body += payload.toString('latin1');
        if ((kind === type.headers || kind === type.data) && (flags & flag.endStream) !== 0) {
          end('closed');
        }
      }
    });
  });
}

/** `:status` comes first: by an index of the static table, or with its digits plain or in Huffman code. */
function statusOf(block: Uint8Array): string {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1;
  const first = block[at] ?? 0;
  const indexed = ['200', '204', '206', '304', '400', '404', '500'][first - 0x88];
  if (indexed !== undefined) return indexed;
  const length = block[at + 1] ?? 0;
  const value = block.subarray(at + 2, at + 2 + (length & 0x7f));
  return length < 0x80 ? Buffer.from(value).toString('latin1') : digits(value);
}

/** RFC 7541 appendix B: 0 to 2 take five bits, 3 to 9 six. */
function digits(coded: Uint8Array): string {
  let bits = [...coded].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let text = '';
  while (text.length < 3) {
    const five = Number.parseInt(bits.slice(0, 5), 2);
    const digit = five <= 2 ? five : Number.parseInt(bits.slice(0, 6), 2) - 22;
    bits = bits.slice(five <= 2 ? 5 : 6);
    text += digit;
  }
  return text;
}

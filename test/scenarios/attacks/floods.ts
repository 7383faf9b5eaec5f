import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { Certificate } from '../../support/peer.ts';
import { type Fields, fieldBlock, frame } from './h2-frames.ts';

const kinds = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
  unknown: 0x4d,
} as const;
const endStream = 1;
const endHeaders = 4;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const empty = Buffer.alloc(0);
const cancel = Buffer.of(0, 0, 0, 8);
/** SETTINGS_INITIAL_WINDOW_SIZE 0: nothing of a body is taken. */
export const noWindow = Buffer.of(0, 4, 0, 0, 0, 0);

/** A connection of HTTP/2 on which nothing keeps to the rules. */
export class Torrent {
  readonly #socket: tls.TLSSocket;
  readonly closed: Promise<void>;
  isOpen = true;

  private constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    this.closed = new Promise((done) => {
      socket.once('close', () => {
        this.isOpen = false;
        done();
      });
    });
  }

  static async begin(
    port: number,
    client: Certificate,
    { settings = empty, reads = true }: { settings?: Buffer; reads?: boolean } = {},
  ): Promise<Torrent> {
    const given = { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const socket = tls.connect({ ...given, ...client });
    socket.on('error', () => {});
    const torrent = new Torrent(socket);
    await Promise.race([
      new Promise((ready) => socket.once('secureConnect', ready)),
      torrent.closed,
    ]);
    if (reads) socket.resume();
    else socket.pause();
    socket.write(Buffer.concat([preface, frame(kinds.settings, 0, 0, settings)]));
    return torrent;
  }

  /** So many, or as many as are taken before the connection is cut off. */
  async send(count: number, make: (at: number) => Buffer, atOnce = 500): Promise<number> {
    let sent = 0;
    while (sent < count && this.isOpen) {
      const until = Math.min(count, sent + atOnce);
      const parts = [];
      for (; sent < until; sent += 1) parts.push(make(sent));
      if (this.#socket.write(Buffer.concat(parts))) continue;
      // A peer that has given the connection up reads no more.
      const drained = new Promise((go) => this.#socket.once('drain', go));
      await Promise.race([drained, this.closed, sleep(givenUpMs)]);
    }
    return sent;
  }

  end(): void {
    this.#socket.destroy();
  }
}

const givenUpMs = 1_500;

function head(method: string, path: string, more: Fields = [], host = 'vault'): Buffer {
  const fields = [
    [':method', method],
    [':scheme', 'https'],
    [':authority', host],
    [':path', path],
  ];
  return fieldBlock([...fields, ...more] as Fields);
}

const streamOf = (at: number): number => 2 * at + 1;

/** A request that stays open: its body is still to come. */
export function opened(at: number, path = '/plain'): Buffer {
  return frame(kinds.headers, endHeaders, streamOf(at), head('POST', path));
}

export function asked(at: number, host: string, path: string): Buffer {
  return frame(kinds.headers, endHeaders | endStream, streamOf(at), head('GET', path, [], host));
}

function resetAfter(at: number, path: string): Buffer {
  return Buffer.concat([asked(at, 'vault', path), frame(kinds.reset, 0, streamOf(at), cancel)]);
}

const bombValue = Buffer.alloc(3_800, 97);
/** A field of the dynamic table, named again and again by one byte each. */
function bomb(at: number): Buffer {
  const length = bombValue.length - 127;
  const stored = [
    Buffer.of(0x40, 3),
    Buffer.from('x-a'),
    Buffer.of(127, 0x80 | (length & 127), length >> 7),
  ];
  const first = at === 0 ? [...stored, bombValue] : [];
  const block = Buffer.concat([head('GET', '/plain'), ...first, Buffer.alloc(8_000, 0xbe)]);
  return frame(kinds.headers, endHeaders | endStream, streamOf(at), block);
}

export interface Flood {
  readonly name: string;
  readonly count: number;
  /** Comes first. */
  readonly begin?: Buffer;
  readonly make: (at: number) => Buffer;
  readonly reads?: boolean;
  /** The counter of the limit that it meets. */
  readonly meets?: string;
}

/** Their answers must not fit into what the kernel holds of a connection, which may be 6 MB. */
const unreadCount = 1_500_000;

/** What one connection may send without end. Each is cut off by a limit with a name, or costs nobody anything. */
export const floods: readonly Flood[] = [
  {
    ...{ name: 'resets of requests that are decided in the proxy', count: 20_000 },
    make: (at) => resetAfter(at, '/plain'),
    meets: 'http.ingress.downstream_rq_too_many_premature_resets',
  },
  {
    ...{ name: 'resets of requests that the desk is asked about', count: 20_000 },
    make: (at) => resetAfter(at, `/none/${at}`),
    meets: 'http.ingress.downstream_rq_too_many_premature_resets',
  },
  {
    ...{ name: 'headers that never end, in empty frames', count: 50_000 },
    begin: frame(kinds.headers, endStream, 1, head('GET', '/plain')),
    make: () => frame(kinds.continuation, 0, 1, empty),
    meets: 'http2.inbound_empty_frames_flood',
  },
  {
    ...{ name: 'headers that never end, in full frames', count: 2_000 },
    begin: frame(kinds.headers, endStream, 1, head('GET', '/plain')),
    make: (at) => frame(kinds.continuation, 0, 1, fieldBlock([[`x-${at}`, 'a'.repeat(8_000)]])),
  },
  {
    ...{ name: 'headers that are small until they are unpacked', count: 500 },
    make: bomb,
    meets: 'http2.header_list_size_too_large',
  },
  {
    ...{ name: 'pings whose answers are not read', count: unreadCount, reads: false },
    make: () => frame(kinds.ping, 0, 0, Buffer.alloc(8)),
    meets: 'http2.outbound_control_flood',
  },
  {
    ...{ name: 'settings whose answers are not read', count: unreadCount, reads: false },
    make: () => frame(kinds.settings, 0, 0, empty),
    meets: 'http2.outbound_control_flood',
  },
  {
    ...{ name: 'a body of nothing', count: 50_000 },
    begin: opened(0),
    make: () => frame(kinds.data, 0, 1, empty),
    meets: 'http2.inbound_empty_frames_flood',
  },
  {
    ...{ name: 'priorities', count: 50_000 },
    make: (at) => frame(kinds.priority, 0, streamOf(at), Buffer.of(0, 0, 0, 0, 1)),
    meets: 'http2.inbound_priority_frames_flood',
  },
  {
    ...{ name: 'window updates', count: 50_000 },
    make: () => frame(kinds.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1)),
    meets: 'http2.inbound_window_update_frames_flood',
  },
  {
    ...{ name: 'frames that nobody knows', count: 50_000 },
    make: () => frame(kinds.unknown, 0, 0, Buffer.alloc(50)),
  },
  { name: 'more streams than there may be', count: 5_000, make: (at) => opened(at) },
  {
    name: 'streams of requests that are denied',
    count: 5_000,
    make: (at) => opened(at, `/none/${at}`),
  },
];

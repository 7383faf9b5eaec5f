import {
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../base/error.ts';

export interface BoundedLogLimits {
  /** A file that reaches this becomes `FILE.1`, in place of the one before. */
  readonly fileBytesMax: number;
  /** What the disk has not taken yet; past it lines are dropped and counted, never waited for. */
  readonly bufferBytesMax: number;
}

export const defaultLogLimits: BoundedLogLimits = {
  fileBytesMax: 32 * 1024 * 1024,
  bufferBytesMax: 4 * 1024 * 1024,
};

/** An append-only file that holds no more than two files' worth of the newest; it never blocks its writer, and throws nothing. */
export class BoundedLog {
  readonly #file: string;
  readonly #limits: BoundedLogLimits;
  #stream: WriteStream | undefined;
  #bytes = 0;
  #inode = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(file: string, limits: BoundedLogLimits = defaultLogLimits) {
    this.#file = file;
    this.#limits = limits;
    this.#stream = this.#open();
  }

  /** Lines that found no room, or that the disk did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why the disk did not take the last line; undefined: it did. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The share of the room for what the disk has not taken yet that is used. */
  get fullness(): number {
    return (this.#stream?.writableLength ?? 0) / this.#limits.bufferBytesMax;
  }

  /** `lines`: how many it holds. `onLost`: that they are not with the file. */
  write(text: string | Uint8Array, lines = 1, onLost = (): void => {}): void {
    const stream = this.#writable(text.length);
    const lose = (): void => {
      this.#dropped += lines;
      onLost();
    };
    if (stream === undefined || stream.writableLength > this.#limits.bufferBytesMax) {
      lose();
      return;
    }
    this.#bytes += text.length;
    stream.write(text, (error) => {
      if (error) lose();
      this.#problem = error ? messageOf(error) : undefined;
    });
  }

  /** Resolves when everything written is with the file. */
  close(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve) =>
      stream === undefined ? resolve() : stream.end(() => resolve()),
    );
  }

  /** Undefined where no file can be opened: the folder is read-only, or there are no descriptors left. */
  #writable(bytes: number): WriteStream | undefined {
    if (this.#stream === undefined || this.#stream.errored !== null) this.#stream = this.#open();
    else if (this.#isReplaced()) {
      this.#stream.end();
      this.#stream = this.#open();
    } else if (this.#bytes + bytes > this.#limits.fileBytesMax) this.#rotate();
    return this.#stream;
  }

  /** Somebody removed the file or put it aside: what is written to it now nobody reads, and nobody bounds. */
  #isReplaced(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.ino !== this.#inode;
  }

  #rotate(): void {
    // What the old stream still buffers goes to the renamed file: its descriptor stays.
    this.#stream?.end();
    try {
      renameSync(this.#file, `${this.#file}.1`);
    } catch {
      // Somebody removed the file; a new one begins all the same.
    }
    this.#stream = this.#open();
    this.#bytes = 0;
  }

  #open(): WriteStream | undefined {
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      const fd = openSync(this.#file, 'a', 0o600);
      const { size, ino } = fstatSync(fd);
      this.#bytes = size;
      this.#inode = ino;
      const stream = createWriteStream(this.#file, { fd });
      // A full disk loses log lines, not requests. A stream that failed takes nothing any more; the next line tries another.
      stream.on('error', () => {});
      return stream;
    } catch (error) {
      this.#problem = messageOf(error);
      return undefined;
    }
  }
}

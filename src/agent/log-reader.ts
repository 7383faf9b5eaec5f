import { type FileHandle, open, stat } from 'node:fs/promises';

interface LogReaderLimits {
  /** What is read at once, so that nothing else waits long. */
  readonly chunkBytes: number;
  /** What is read in one round; what is before that is passed over. */
  readonly roundBytesMax: number;
}

/** A line has some 800 bytes: 20,000 requests a round. */
const usualLimits: LogReaderLimits = { chunkBytes: 256 * 1024, roundBytesMax: 16 * 1024 * 1024 };
/** A longer line is none that a proxy writes. */
const lineBytesMax = 256 * 1024;

/** Reads a growing file of lines from where it ends now, also when it is put aside and begun anew (log rotation). */
export class LogReader {
  readonly #path: string;
  readonly #limits: LogReaderLimits;
  #file: FileHandle | undefined;
  #isFirst = true;
  #at = 0;
  #rest = '';

  constructor(path: string, limits: LogReaderLimits = usualLimits) {
    this.#path = path;
    this.#limits = limits;
  }

  /** Gives every whole line that came since, in pieces. False: some were passed over. */
  async read(take: (lines: readonly string[]) => void): Promise<boolean> {
    await this.#open();
    if (this.#file === undefined) return true;
    let isWhole = await this.#drain(this.#file, take);
    if (await this.#isReplaced(this.#file)) {
      // What its writer had not written yet when it was put aside is in it by now.
      isWhole = (await this.#drain(this.#file, take)) && isWhole;
      await this.close();
      await this.#open();
      if (this.#file !== undefined) isWhole = (await this.#drain(this.#file, take)) && isWhole;
    }
    return isWhole;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#at = 0;
    this.#rest = '';
    await file?.close();
  }

  /** What lay there before us was told by whoever read it then, or nobody knows when it was. */
  async #open(): Promise<void> {
    if (this.#file !== undefined) return;
    this.#file = await open(this.#path, 'r').catch(() => undefined);
    if (this.#isFirst && this.#file !== undefined) this.#at = (await this.#file.stat()).size;
    this.#isFirst = false;
  }

  async #isReplaced(file: FileHandle): Promise<boolean> {
    const [now, own] = [await stat(this.#path).catch(() => undefined), await file.stat()];
    return now !== undefined && now.ino !== own.ino;
  }

  async #drain(file: FileHandle, take: (lines: readonly string[]) => void): Promise<boolean> {
    const { size } = await file.stat();
    if (size < this.#at) this.#restart(0);
    const isWhole = size - this.#at <= this.#limits.roundBytesMax;
    if (!isWhole) this.#restart(size - this.#limits.roundBytesMax);
    const buffer = Buffer.alloc(Math.min(this.#limits.chunkBytes, Math.max(1, size - this.#at)));
    while (this.#at < size) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#at);
      if (bytesRead === 0) break;
      this.#at += bytesRead;
      // Envoy writes other than ASCII as escapes, so that no character is cut.
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = (lines.pop() ?? '').slice(-lineBytesMax);
      if (lines.length > 0) take(lines);
    }
    return isWhole;
  }

  #restart(at: number): void {
    this.#at = at;
    this.#rest = '';
  }
}

import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';

/** Where a file ends; its inode, since the file may be moved away. */
export interface FileEnd {
  readonly inode: number;
  readonly bytes: number;
}

/** Called once: where the file ended behind the line when it was durable, or why it is not there. */
type Settled = (end: Result<FileEnd, string>) => void;

interface Waiting {
  readonly line: string;
  readonly settled: Settled;
}

/** A disk that hangs leaves this many, each with somebody who waits for its answer; more are refused at once. */
const waitingMax = 1_000;

/**
 * Lines at the end of a file, each durable before it is said to be there. Lines that come while the disk works share the
 * next sync, so that many cost as much as one; nothing else in the process waits meanwhile.
 */
export class DurableLines {
  readonly file: string;
  readonly #bytesMax: number;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(file: string, bytesMax: number) {
    this.file = file;
    this.#bytesMax = bytesMax;
  }

  append(line: string, settled: Settled): void {
    if (this.#waiting.length >= waitingMax) {
      settled(err('too many wait for the disk'));
      return;
    }
    this.#waiting.push({ line, settled });
    if (!this.#isWriting) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // All that the process reads in this turn of its loop shares one sync.
    await new Promise((turn) => setImmediate(turn));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#write(batch);
    }
    this.#isWriting = false;
  }

  /** Opened anew each time, so that the file can be moved away. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    let taken: readonly Waiting[] = [];
    let end: Result<FileEnd, string> = err(`${this.file} is full: move it away`);
    try {
      const handle = await open(this.file, 'a+', 0o600);
      try {
        const { size, ino: inode } = await handle.stat();
        taken = fitting(batch, this.#bytesMax - size);
        if (taken.length > 0) end = ok({ inode, bytes: await this.#append(handle, size, taken) });
      } finally {
        await handle.close();
      }
    } catch (error) {
      [taken, end] = [batch, err(messageOf(error))];
    }
    const full = err(`${this.file} is full: move it away`);
    for (const [at, { settled }] of batch.entries()) settled(at < taken.length ? end : full);
  }

  /** Gives the new size. */
  async #append(handle: FileHandle, size: number, lines: readonly Waiting[]): Promise<number> {
    // What a process that was killed left of a line must not spoil the next one.
    const start = (await isTorn(handle, size)) ? '\n' : '';
    const bytes = Buffer.from(start + lines.map(({ line }) => `${line}\n`).join(''));
    try {
      const { bytesWritten } = await handle.write(bytes);
      // A part of a line is no record.
      if (bytesWritten !== bytes.length) throw new Error('the disk is full');
      // What a failed sync has left in memory may never reach the disk, whatever a later one says: it is taken back.
      await handle.datasync();
      if (size === 0) await syncFolder(dirname(this.file));
      return size + bytes.length;
    } catch (error) {
      await handle.truncate(size).catch(() => {});
      throw error;
    }
  }
}

/** The first of them for which there is room. */
function fitting(batch: readonly Waiting[], room: number): readonly Waiting[] {
  let left = room;
  const over = batch.findIndex(({ line }) => {
    left -= Buffer.byteLength(line) + 1;
    return left < 0;
  });
  return over === -1 ? batch : batch.slice(0, over);
}

async function isTorn(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() !== '\n';
}

/** Without it the name of a new file may be lost in a power cut, although its content is safe. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

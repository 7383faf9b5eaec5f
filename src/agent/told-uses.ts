import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import type { LoggedDecision } from './decision-log.ts';
import type { FileEnd } from './durable-lines.ts';

/** More than an agent can write before it tells of it; what is beyond is in the file, and is not counted again. */
const untoldBytesMax = 16 * 1024 * 1024;

/** Beside a file of uses: what of it the control plane has heard, so that an agent that is killed tells of the rest. */
export class ToldUses {
  readonly #file: string;

  /** `file`: of the uses. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Where the file ends now. */
  end(): FileEnd {
    try {
      const { ino: inode, size: bytes } = statSync(this.#file);
      return { inode, bytes };
    } catch {
      return { inode: 0, bytes: 0 };
    }
  }

  /** How far the uses in it were told of. What cannot be kept is told again after a restart: rather twice than never. */
  keep(told: FileEnd): void {
    try {
      writeFileSync(this.#markFile, JSON.stringify(told), { mode: 0o600 });
    } catch {
      // As above.
    }
  }

  /** Uses that were recorded and not heard of. */
  left(): readonly LoggedDecision[] {
    const end = this.end();
    const told = this.#kept();
    const from = told?.inode === end.inode && told.bytes <= end.bytes ? told.bytes : 0;
    const bytes = Buffer.alloc(Math.min(end.bytes - from, untoldBytesMax));
    if (bytes.length === 0) return [];
    const fd = openSync(this.#file, 'r');
    try {
      const count = readSync(fd, bytes, 0, bytes.length, end.bytes - bytes.length);
      return bytes.toString('utf8', 0, count).split('\n').flatMap(useIn);
    } finally {
      closeSync(fd);
    }
  }

  #kept(): FileEnd | undefined {
    try {
      return JSON.parse(readFileSync(this.#markFile, 'utf8')) as FileEnd;
    } catch {
      return undefined;
    }
  }

  get #markFile(): string {
    return `${this.#file}.told`;
  }
}

/** The first line may be a part of one. */
function useIn(line: string): readonly LoggedDecision[] {
  try {
    return [JSON.parse(line) as LoggedDecision];
  } catch {
    return [];
  }
}

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { err, ok, type Result } from '../../base/result.ts';

/** Larger executables get no `unix:sha256` selector: 512 MiB take a second to read. */
const hashedBytesMax = 512 * 1024 * 1024;
const cacheEntriesMax = 1_000;
const chunkBytes = 1024 * 1024;

/** SHA-256 of executables, remembered by what changes when a file does: device, inode, size and both times. */
export class FileHashes {
  readonly #known = new Map<string, Promise<string>>();

  /** Of the file behind `path`, which may be a `/proc/<pid>/exe`. Hex. */
  async of(path: string): Promise<Result<string, string>> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'r');
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      if (size > hashedBytesMax) {
        return err(`the executable has ${size} bytes; at most ${hashedBytesMax} are hashed`);
      }
      const key = [dev, ino, size, mtimeNs, ctimeNs].join(':');
      return ok(await this.#remembered(key, file));
    } catch (error) {
      return err(`the executable cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    } finally {
      await file?.close();
    }
  }

  #remembered(key: string, file: FileHandle): Promise<string> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const oldest = this.#known.keys().next();
    if (this.#known.size >= cacheEntriesMax && !oldest.done) this.#known.delete(oldest.value);
    const hash = hashOf(file);
    this.#known.set(key, hash);
    hash.catch(() => this.#known.delete(key));
    return hash;
  }
}

/** In pieces, so that other workloads are served meanwhile. */
async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../base/result.ts';
import type { PinnedBuild } from './pin.ts';

const fetchPrefix = 'fetch-';
const markerPrefix = 'verified-';
/** A fetch ends long before this; what is older was left by one that was killed. */
const leftoverAgeMs = 3_600_000;

/**
 * The executable in a cache folder, verified. The marker names size and time of the file that was hashed; while they
 * fit, the 100 MB are not hashed again.
 */
export async function cachedBinary(
  cacheDir: string,
  build: PinnedBuild,
): Promise<Result<string, string>> {
  const path = join(cacheDir, 'envoy');
  const marker = await markerOf(path, cacheDir);
  if (marker === undefined) return err(`nothing in ${cacheDir}`);
  if (await isFile(marker)) return ok(path);
  // It is not removed: another process may have put a good one in its place by now.
  if ((await sha256Of(path)) !== build.binarySha256)
    return err(`the file in ${cacheDir} is not the pinned build`);
  await writeFile(marker, '');
  return ok(path);
}

/**
 * Lets `fetchInto` bring an executable into a fresh folder beside the target and moves it over once it is verified: a
 * half one is never seen, and of two processes at once the last wins with the same bytes. Rejects with what
 * `fetchInto` or the file system says.
 */
export async function intoCache(
  cacheDir: string,
  build: PinnedBuild,
  fetchInto: (dir: string) => Promise<string>,
): Promise<Result<string, string>> {
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, fetchPrefix));
  try {
    await removeLeftovers(cacheDir, dir);
    const file = await fetchInto(dir);
    const sum = await sha256Of(file);
    if (sum !== build.binarySha256)
      return err(`what came has SHA-256 ${sum}, not the pinned ${build.binarySha256}`);
    await chmod(file, 0o755);
    const marker = await markerOf(file, cacheDir);
    const path = join(cacheDir, 'envoy');
    await removeMarkers(cacheDir);
    await rename(file, path);
    if (marker !== undefined) await writeFile(marker, '');
    return ok(path);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export async function isFile(path: string): Promise<boolean> {
  return (await statOf(path))?.isFile() ?? false;
}

async function markerOf(path: string, cacheDir: string): Promise<string | undefined> {
  const found = await statOf(path);
  if (found === undefined || !found.isFile()) return undefined;
  return join(cacheDir, `${markerPrefix}${found.size}-${Math.trunc(found.mtimeMs)}`);
}

async function removeMarkers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir))
    if (name.startsWith(markerPrefix)) await rm(join(cacheDir, name), { force: true });
}

/** Age is measured against a folder made this moment, on the same file system's clock. */
async function removeLeftovers(cacheDir: string, fresh: string): Promise<void> {
  const now = (await stat(fresh)).mtimeMs;
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(fetchPrefix)) continue;
    const path = join(cacheDir, name);
    const age = now - ((await statOf(path))?.mtimeMs ?? now);
    if (age > leftoverAgeMs) await rm(path, { recursive: true, force: true });
  }
}

async function statOf(path: string) {
  return stat(path).catch(() => undefined);
}

import { constants } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { fileTooLarge, fileUnreadable, folderMissing, symlinkRefused } from './findings.ts';
import { isIntentPath, servicesFolder } from './intent-path.ts';
import { intentFileBytesMax, intentFilesMax } from './limits.ts';
import { decodeFiles, type IntentFiles, sizeRefusals } from './tree.ts';

/**
 * Reads the intent files of a folder as they stand on disk, for `--dev`. The same files, limits and refusals as in
 * a commit. A file that vanishes while it is read is passed over: the editor that replaces it makes another event.
 */
export async function readWorkingTree(
  dir: string,
): Promise<Result<IntentFiles, readonly Finding[]>> {
  const root = await realFolder(dir);
  if (root === undefined) return err([folderMissing(dir)]);
  const listed = await listWorkingTree(root);
  if (!listed.ok) return err([listed.error]);
  const tooMany = sizeRefusals(listed.value.length, 0);
  if (tooMany.length > 0) return err(tooMany);
  const contents = new Map<string, Uint8Array>();
  const findings: Finding[] = [];
  let total = 0;
  for (const path of listed.value) {
    const read = await readPlainFile(root, path);
    if (!read.ok) {
      findings.push(read.error);
    } else if (read.value !== undefined) {
      contents.set(path, read.value);
      total += read.value.length;
    }
    const tooLarge = sizeRefusals(contents.size, total);
    if (tooLarge.length > 0) return err(tooLarge);
  }
  return findings.length > 0 ? err(findings) : decodeFiles(contents);
}

/** The folder behind links, or undefined when there is none. */
export async function realFolder(dir: string): Promise<string | undefined> {
  try {
    const path = await realpath(dir);
    return (await stat(path)).isDirectory() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The paths of all intent files, sorted; a link in place of `services` is refused, as it is in a commit. */
async function listWorkingTree(root: string): Promise<Result<readonly string[], Finding>> {
  const paths: string[] = [];
  const top = await readdir(root, { withFileTypes: true }).catch(() => []);
  for (const entry of top) {
    if (isIntentPath(entry.name)) paths.push(entry.name);
    if (entry.name !== servicesFolder) continue;
    if (entry.isSymbolicLink()) return err(symlinkRefused(servicesFolder));
    if (entry.isDirectory()) paths.push(...(await listServices(root)));
  }
  return ok(paths.sort());
}

async function listServices(root: string): Promise<readonly string[]> {
  const names = await readdir(join(root, servicesFolder)).catch(() => []);
  return names
    .map((name) => `${servicesFolder}/${name}`)
    .filter(isIntentPath)
    .slice(0, intentFilesMax + 1);
}

/** Undefined: the file is gone. Folders, pipes and devices are refused, never waited for. */
async function readPlainFile(
  root: string,
  path: string,
): Promise<Result<Uint8Array | undefined, Finding>> {
  let file: FileHandle | undefined;
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    file = await open(join(root, path), flags);
    const facts = await file.stat();
    if (!facts.isFile()) return err(fileUnreadable(path, 'it is not a plain file'));
    if (facts.size > intentFileBytesMax) {
      return err(fileTooLarge(path, facts.size, intentFileBytesMax));
    }
    return ok(await readAtMost(file, facts.size));
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code === 'ENOENT') return ok(undefined);
    if (code === 'ELOOP') return err(symlinkRefused(path));
    return err(fileUnreadable(path, messageOf(thrown)));
  } finally {
    await file?.close();
  }
}

/** Reads what was there when the size was taken; a file that grows meanwhile is read again on its next event. */
async function readAtMost(file: FileHandle, bytes: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

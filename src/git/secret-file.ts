import { open } from 'node:fs/promises';
import { messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { secretFileBytesMax } from './limits.ts';
import { secretFileRefused } from './remote-findings.ts';

/**
 * The lines of a file that holds a secret, read afresh each time so that it can be changed while we run. Several lines:
 * the old and the new one while it is changed. A file that others may read is refused with CH5328.
 */
export async function readSecretFile(path: string): Promise<Result<readonly string[], Finding>> {
  try {
    await using file = await open(path);
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      return err(secretFileRefused(path, `mode ${(mode & 0o777).toString(8).padStart(4, '0')}`));
    }
    if (size > secretFileBytesMax) return err(secretFileRefused(path, `${size} bytes`));
    const text = await file.readFile('utf8');
    const lines = text.split(/\r?\n/).filter((line) => line !== '');
    return lines.length === 0 ? err(secretFileRefused(path, 'an empty file')) : ok(lines);
  } catch (error) {
    return err(secretFileRefused(path, messageOf(error)));
  }
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Writes an intent folder from its files; the second value removes it. */
export function intentFolder(files: Readonly<Record<string, string>>): [string, () => void] {
  const dir = mkdtempSync(join(tmpdir(), 'intent-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  return [dir, () => rmSync(dir, { recursive: true, force: true })];
}

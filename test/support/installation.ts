import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What a version consists of. */
export const parts = ['bin', 'src', 'package.json'];

/** An installation, of which the programs are replaced as a package manager does it. */
export class Installation<Version extends string> {
  readonly dir = mkdtempSync(join(tmpdir(), 'upgrade-'));

  /** Each is put into a folder that is there, and the first is installed. */
  constructor(versions: Readonly<Record<Version, (dir: string) => void>>) {
    for (const [version, put] of Object.entries(versions) as [Version, (dir: string) => void][]) {
      mkdirSync(join(this.dir, version));
      put(join(this.dir, version));
    }
    symlinkSync(resolve('node_modules'), join(this.dir, 'node_modules'));
    const [first] = Object.keys(versions) as Version[];
    if (first !== undefined) this.install(first);
  }

  get entry(): string {
    return join(this.dir, 'bin/chancery.js');
  }

  install(version: Version): void {
    for (const part of parts) {
      rmSync(join(this.dir, part), { recursive: true, force: true });
      cpSync(join(this.dir, version, part), join(this.dir, part), { recursive: true });
    }
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function putPresent(dir: string): void {
  for (const part of parts) cpSync(resolve(part), join(dir, part), { recursive: true });
}

/** Of the present version, with other text in its source. */
export function putChanged(
  dir: string,
  changes: readonly (readonly [file: string, before: string, after: string])[],
): void {
  putPresent(dir);
  for (const [file, before, after] of changes) {
    const path = join(dir, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(before)) throw new Error(`${file} does not hold "${before}"`);
    writeFileSync(
      path,
      text.replace(before, () => after),
    );
  }
}

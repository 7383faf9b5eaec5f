import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
];

/** The real SoftHSM, with one token in a folder of its own. */
export interface SoftHsm {
  readonly module: string;
  readonly dir: string;
  readonly pinFile: string;
  readonly uri: (object: string, more?: string) => string;
  readonly env: Readonly<Record<string, string>>;
  readonly remove: () => void;
}

export const softHsmMissing: string | false = modules.some((path) => existsSync(path))
  ? false
  : 'SoftHSM is not installed (Debian: softhsm2)';

/** The module reads its folder from the environment when it is loaded: once in a process. */
export function startSoftHsm(token: string, pin: string): SoftHsm {
  const module = modules.find((path) => existsSync(path)) ?? '';
  const dir = mkdtempSync(join(tmpdir(), 'hsm-'));
  const conf = join(dir, 'softhsm2.conf');
  mkdirSync(join(dir, 'tokens'));
  writeFileSync(
    conf,
    `directories.tokendir = ${join(dir, 'tokens')}\nobjectstore.backend = file\n`,
  );
  const env = { SOFTHSM2_CONF: conf };
  const args = ['--init-token', '--free', '--label', token, '--so-pin', '87654321', '--pin', pin];
  const made = spawnSync('softhsm2-util', args, { env: { ...process.env, ...env } });
  if (made.status !== 0) throw new Error(`softhsm2-util: ${made.stderr}`);
  const pinFile = join(dir, 'pin');
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  const uri = (object: string, more = ''): string =>
    `pkcs11:token=${token};object=${object}${more}?module-path=${module}&pin-source=file:${pinFile}`;
  return { module, dir, pinFile, uri, env, remove: () => rmSync(dir, { recursive: true }) };
}

import { join } from 'node:path';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { PassphraseSource } from './passphrase.ts';
import { readSecretFile } from './secret-file.ts';
import { askAtTerminal } from './terminal.ts';

/** Which of the two: a change of passphrase needs both. */
export type PassphraseName = 'present' | 'next';

const names: Readonly<Record<PassphraseName, { env: string; credential: string; prompt: string }>> =
  {
    present: {
      env: 'CHANCERY_KEK_PASSPHRASE_FILE',
      credential: 'chancery-kek-passphrase',
      prompt: 'passphrase of the CA: ',
    },
    next: {
      env: 'CHANCERY_KEK_NEW_PASSPHRASE_FILE',
      credential: 'chancery-kek-new-passphrase',
      prompt: 'new passphrase of the CA: ',
    },
  };

/**
 * From the file that the environment names, from systemd's credentials, or typed at a terminal; never from an argument or
 * the environment itself, which other processes can read. Errors: CH5210 (the file is open to others), CH5213.
 */
export function passphraseSource(
  name: PassphraseName,
  env: Readonly<Record<string, string | undefined>>,
): PassphraseSource {
  const { env: variable, credential, prompt } = names[name];
  return async (use) => {
    const file = env[variable];
    if (file !== undefined) return fromFile(file, variable);
    const credentials = env['CREDENTIALS_DIRECTORY'];
    if (credentials !== undefined) {
      const path = join(credentials, credential);
      try {
        return withoutNewline(readSecretFile(path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    const typed = await askAtTerminal(prompt);
    if (typed === undefined) throw nowhere(variable, credential);
    if (use === 'new' && (await askAtTerminal('once more: ')) !== typed) throw differ();
    return typed;
  };
}

function fromFile(path: string, variable: string): string {
  try {
    return withoutNewline(readSecretFile(path));
  } catch (cause) {
    if (cause instanceof ChanceryError) throw cause;
    throw new ChanceryError(
      {
        code: 'CH5213',
        message: `the passphrase cannot be read: ${messageOf(cause)}`,
        found: `${variable}=${path}`,
        help: 'write it into that file, for its user only (mode 0600)',
      },
      { cause },
    );
  }
}

/** An editor ends a file with one. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function nowhere(variable: string, credential: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5213',
    message: 'there is no passphrase, and no terminal to ask for it',
    expected: `${variable}=FILE, or the systemd credential ${credential}`,
    help: 'a supervised control plane cannot ask: give the file, or LoadCredentialEncrypted= in its unit',
  });
}

function differ(): ChanceryError {
  return new ChanceryError({
    code: 'CH5213',
    message: 'the two passphrases differ',
    help: 'nothing was changed; try again',
  });
}

import { ChanceryError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import { execKek } from './exec.ts';
import { fileKek } from './file.ts';
import { passphraseKek } from './passphrase.ts';
import { type PassphraseName, passphraseSource } from './passphrase-source.ts';
import { parseKekUri } from './uri.ts';

interface KekHost {
  readonly random: Random;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Which passphrase is meant, where one is. */
  readonly passphrase?: PassphraseName;
}

/** Opens the key-encryption key of that name. Errors: CH5210, CH5211, CH5212. What lies outside is asked at its first use. */
export async function openKek(name: string, host: KekHost): Promise<KeyEncryption> {
  const uri = parseKekUri(name);
  switch (uri.kind) {
    case 'file':
      return fileKek(uri.path, host.random);
    case 'passphrase': {
      const source = passphraseSource(host.passphrase ?? 'present', host.env);
      return passphraseKek(name, source, host.random);
    }
    case 'pkcs11':
      return (await import('./pkcs11.ts')).pkcs11Kek(name, uri, host.random);
    case 'exec':
      return execKek(name, uri);
  }
}

/** Makes the key on the token that the name means. Errors: CH5212 (no other name needs it), those of the token. */
export async function generateKek(name: string, random: Random): Promise<void> {
  const uri = parseKekUri(name);
  if (uri.kind !== 'pkcs11') {
    throw new ChanceryError({
      code: 'CH5212',
      message: 'only a token makes its key by --generate',
      expected: 'pkcs11:…',
      found: name,
      help: 'a key file is made at its first use; the key of a KMS is made with its own tool',
    });
  }
  await (await import('./pkcs11.ts')).generateKey(uri, random);
}

import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import { replaceDurably } from '../store/durable-file.ts';
import { openKekFile } from '../store/kek/file.ts';
import { type Keyring, openKeyring } from './keyring.ts';

/** What a copy of the agent's folder lacks: the machine's TPM, the memory of its kernel, or only its id. Strongest first. */
export const hostKeyKinds = ['tpm', 'keyring', 'file'] as const;
export type HostKeyKind = (typeof hostKeyKinds)[number];

/** The key that this host seals with. It is asked at each use, since a keyring can lose it while the agent runs. */
export interface HostKey {
  readonly kind: HostKeyKind;
  key(): Promise<Uint8Array>;
}

/** Bytes that only this machine's TPM gives back. */
export interface TpmSealer {
  seal(secret: Uint8Array): Promise<Uint8Array>;
  /** Undefined when this TPM has not sealed it, or was cleared since; any other trouble is thrown. */
  open(sealed: Uint8Array): Promise<Uint8Array | undefined>;
}

export interface HostKeyOptions {
  readonly random: Random;
  readonly log: Log;
  /** The only one that may be used; left out: the strongest that works here. */
  readonly only?: HostKeyKind | undefined;
  /** Without `only`: a key that a reboot loses is passed over, since this host could not join again by itself. */
  readonly outlivesReboot?: boolean;
  /** Where a TPM is configured. */
  readonly tpm?: TpmSealer | undefined;
  readonly machineId?: string;
  /** The key's name in the keyring; all agents of a user share it, and each has a file of its own besides. */
  readonly keyName?: string;
}

const fileName = 'agent.key';
const tpmFileName = 'agent.tpm';
const secretBytes = 32;
const keyNameOfAll = 'chancery agent';

/**
 * All that work here, the strongest first; none when the one that was asked for does not. Each is made of a file that only
 * the agent's user may read, of the machine's id, and of what its kind adds. What cannot be had is said, and
 * the next one is tried. Errors: CH5210, CH5211 (the file; without it there is nothing to seal with).
 */
export async function openHostKeys(
  dir: string,
  options: HostKeyOptions,
): Promise<readonly HostKey[]> {
  const { random, log, only, tpm } = options;
  const path = join(dir, fileName);
  openKekFile(path, random);
  const machine = options.machineId ?? machineId();
  const keyOf = (...more: readonly Uint8Array[]): Uint8Array => {
    const hmac = createHmac('sha256', openKekFile(path, random)).update(machine);
    for (const part of more) hmac.update('\0').update(part);
    return hmac.digest();
  };
  const opened: HostKey[] = [];
  for (const kind of hostKeyKinds.filter((one) => only === undefined || one === only)) {
    const found = await openKind(kind, dir, options);
    if (found.ok) {
      const { value: secret } = found;
      opened.push({ kind, key: async () => keyOf(...(await secret())) });
    } else {
      const fields = { kind, problem: found.error };
      if (only !== undefined) log.error('the agent cannot seal with the key asked for', fields);
      else if (kind === 'tpm' && tpm !== undefined) log.warn('the TPM cannot be used', fields);
      else log.info('the agent does not seal with this kind of key here', fields);
      // What it sealed waits for it, and is not written over under a weaker key.
      if (kind === 'tpm' && tpm !== undefined && existsSync(join(dir, tpmFileName))) return [];
    }
  }
  return opened;
}

/** What its kind adds to the file, asked for at each use. */
type Secret = () => Promise<readonly Uint8Array[]>;

async function openKind(
  kind: HostKeyKind,
  dir: string,
  { random, only, outlivesReboot, tpm, keyName = keyNameOfAll }: HostKeyOptions,
): Promise<Result<Secret, string>> {
  switch (kind) {
    case 'file':
      return ok(async () => []);
    case 'keyring': {
      if (only === undefined && outlivesReboot === true) {
        return err('it does not outlive a reboot, and this host cannot join again by itself');
      }
      const keyring = openKeyring();
      if (!keyring.ok) return keyring;
      const found = keyringSecret(keyring.value, keyName, random);
      if (!found.ok) return found;
      return ok(async () => {
        const secret = keyringSecret(keyring.value, keyName, random);
        if (!secret.ok) throw new Error(secret.error);
        return [Buffer.from(kind), secret.value];
      });
    }
    case 'tpm': {
      if (tpm === undefined) return err('no TPM is configured');
      try {
        // Once: a TPM takes a second, and does not forget.
        const secret = await tpmSecret(join(dir, tpmFileName), tpm, random);
        return ok(async () => [Buffer.from(kind), secret]);
      } catch (error) {
        return err(messageOf(error));
      }
    }
  }
}

/** What is in the keyring, or a new one: after a reboot, and when nobody has used it for days. */
function keyringSecret(keyring: Keyring, name: string, random: Random): Result<Uint8Array, string> {
  const present = keyring.get(name);
  if (present?.length === secretBytes) return ok(present);
  const added = keyring.set(name, random.bytes(secretBytes));
  if (!added.ok) return added;
  // Another agent of this user may have been quicker or slower: what is there now counts.
  const secret = keyring.get(name);
  return secret?.length === secretBytes ? ok(secret) : err('it does not give back what it took');
}

async function tpmSecret(path: string, tpm: TpmSealer, random: Random): Promise<Uint8Array> {
  const sealed = readIfThere(path);
  const present = sealed === undefined ? undefined : await tpm.open(sealed);
  if (present !== undefined) return present;
  const secret = random.bytes(secretBytes);
  const made = await tpm.seal(secret);
  const again = await tpm.open(made);
  if (again === undefined || Buffer.compare(again, secret) !== 0) {
    throw new Error('the TPM does not give back what it sealed');
  }
  replaceDurably(path, made);
  return secret;
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Machines without one still have the file's key. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { err, ok, type Result } from '../base/result.ts';

/** The kernel's own store of keys for this user, in memory only: what is in it is on no disk and does not outlive a reboot. */
export interface Keyring {
  get(name: string): Uint8Array | undefined;
  /** Replaces what is there. Errors: what the kernel said. */
  set(name: string, secret: Uint8Array): Result<void, string>;
  remove(name: string): void;
}

const calls: Readonly<Record<string, { readonly addKey: number; readonly keyctl: number }>> = {
  x64: { addKey: 248, keyctl: 250 },
  arm64: { addKey: 217, keyctl: 219 },
};

/** Linux: uapi/linux/keyctl.h. */
const operation = { unlink: 9, search: 10, read: 11, getPersistent: 22 } as const;
const processKeyring = -2;
const ownUser = -1;
const keyType = 'user';
/** Longer is not ours. */
const secretBytesMax = 256;

type AddKey = (
  call: number,
  type: string,
  name: string,
  secret: Uint8Array,
  length: number,
  ring: number,
) => number;
type Control = (call: number, operation: number, a: number, b: number) => number;
type Search = (
  call: number,
  operation: number,
  ring: number,
  type: string,
  name: string,
  into: number,
) => number;
type Read = (
  call: number,
  operation: number,
  key: number,
  secret: Uint8Array,
  length: number,
) => number;

interface Native {
  readonly addKey: AddKey;
  readonly control: Control;
  readonly search: Search;
  readonly read: Read;
}

let native: Native | undefined;

function load(): Native {
  if (native !== undefined) return native;
  const libc = koffi.load(null);
  const declare = (parameters: readonly string[]): unknown =>
    libc.func('syscall', 'long', [...parameters]);
  native = {
    addKey: declare(['long', 'str', 'str', 'void *', 'size_t', 'long']) as AddKey,
    control: declare(['long', 'long', 'long', 'long']) as Control,
    search: declare(['long', 'long', 'long', 'str', 'str', 'long']) as Search,
    read: declare(['long', 'long', 'long', 'void *', 'size_t']) as Read,
  };
  return native;
}

/**
 * The persistent keyring of this user. The user keyring would go with the last process of its user, which may be the agent
 * itself; this one stays for three days after its last use (kernel.keys.persistent_keyring_expiry), and each look is a use.
 * Errors: why this kernel has none for us; containers are mostly denied.
 */
export function openKeyring(arch: string = process.arch): Result<Keyring, string> {
  const call = calls[arch];
  if (process.platform !== 'linux' || call === undefined) return err(`not known on ${arch}`);
  const { addKey, control, search, read } = load();
  // Each time: it also counts as a use, and finds the ring again should it have ended.
  const ring = (): number => control(call.keyctl, operation.getPersistent, ownUser, processKeyring);
  if (ring() < 0) return err(`keyctl: ${lastError()}`);
  const find = (name: string): number =>
    search(call.keyctl, operation.search, ring(), keyType, name, 0);
  return ok({
    get: (name) => {
      const key = find(name);
      if (key < 0) return undefined;
      const secret = new Uint8Array(secretBytesMax);
      const length = read(call.keyctl, operation.read, key, secret, secret.length);
      return length < 0 || length > secret.length ? undefined : secret.slice(0, length);
    },
    set: (name, secret) => {
      const key = addKey(call.addKey, keyType, name, secret, secret.length, ring());
      return key < 0 ? err(`add_key: ${lastError()}`) : ok(undefined);
    },
    remove: (name) => {
      const key = find(name);
      if (key >= 0) control(call.keyctl, operation.unlink, key, ring());
    },
  });
}

function lastError(): string {
  return getSystemErrorName(-koffi.errno());
}

import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { dataKeyBytes, type KeyEncryption } from '../../identity/key-encryption.ts';
import type { OpenError } from '../../identity/seal.ts';
import { encryptedDataInvalid, notThere, tokenFailed } from './pkcs11-errors.ts';
import { loadModule, type Pkcs11Module, wordBytes, words } from './pkcs11-module.ts';
import { withSession } from './pkcs11-session.ts';
import type { Pkcs11Uri } from './uri.ts';

/**
 * A wrapped key: the id of the token's key (length in one byte), nonce, then ciphertext and tag as CKM_AES_GCM gives them.
 * Modules say in different ways that a tag is wrong; by its id a foreign key is told apart from a fault.
 */
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 16;
/** Other tools give ids of 1 to 20 bytes. */
const keyIdBytesMax = 64;

const mechanismAesKeyGen = 0x1080;
const mechanismAesGcm = 0x1087;
const classSecretKey = 4;
const keyTypeAes = 0x1f;

const attribute = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  valueLength: 0x161,
  extractable: 0x162,
} as const;

/** An AES key that never leaves its token. Each use has a session of its own: a token that was away is found again. */
export function pkcs11Kek(id: string, uri: Pkcs11Uri, random: Random): KeyEncryption {
  // One after the other: the login belongs to all sessions of a process.
  let before: Promise<unknown> = Promise.resolve();
  const withKey = <T>(use: (parts: KeyInUse) => Promise<T>): Promise<T> => {
    const run = before.then(async () => {
      const module = await loadModule(uri.modulePath);
      return withSession(module, uri, async (session) =>
        use({ module, session, ...(await findKey(module, session, uri)) }),
      );
    });
    before = run.catch(() => {});
    return run;
  };
  return {
    id,
    wrap: (dataKey) => withKey((key) => encrypt(key, dataKey, random.bytes(nonceBytes))),
    unwrap: (wrapped) => withKey((key) => decrypt(key, wrapped)),
  };
}

/** Makes the key on its token, where it stays: sensitive and not extractable. Errors: CH5216 when there is one already. */
export async function generateKey(uri: Pkcs11Uri, random: Random): Promise<void> {
  const module = await loadModule(uri.modulePath);
  await withSession(module, uri, async (session) => {
    if ((await keysOf(module, session, uri)).length > 0) {
      throw notThere('nothing is generated beside a key of that name', nameOf(uri));
    }
    const template = attributes([
      [attribute.class, classSecretKey],
      [attribute.keyType, keyTypeAes],
      [attribute.valueLength, dataKeyBytes],
      [attribute.token, true],
      [attribute.private, true],
      [attribute.sensitive, true],
      [attribute.extractable, false],
      [attribute.encrypt, true],
      [attribute.decrypt, true],
      [attribute.wrap, false],
      [attribute.unwrap, false],
      [attribute.label, Buffer.from(uri.object ?? 'chancery', 'utf8')],
      [attribute.id, uri.id ?? random.bytes(keyIdBytes)],
    ]);
    const mechanism = words(mechanismAesKeyGen, 0, 0);
    const handle = Buffer.alloc(wordBytes);
    const { bytes, count } = template;
    await module.call('C_GenerateKey', session, mechanism, bytes, count, handle);
  });
}

interface KeyInUse extends TokenKey {
  readonly module: Pkcs11Module;
  readonly session: bigint;
}

interface TokenKey {
  readonly key: bigint;
  readonly keyId: Uint8Array;
}

async function encrypt(
  { module, session, key, keyId }: KeyInUse,
  dataKey: Uint8Array,
  nonce: Uint8Array,
): Promise<Uint8Array> {
  const mechanism = gcm(nonce);
  await module.call('C_EncryptInit', session, mechanism, key);
  const body = Buffer.alloc(dataKey.length + tagBytes);
  const length = words(body.length);
  await module.call('C_Encrypt', session, dataKey, dataKey.length, body, length);
  const written = Number(length.readBigUInt64LE());
  if (written !== body.length) throw tokenFailed(module.path, 'C_Encrypt', `${written} bytes`);
  return Buffer.concat([Uint8Array.of(keyId.length), keyId, nonce, body]);
}

async function decrypt(
  { module, session, key, keyId }: KeyInUse,
  wrapped: Uint8Array,
): Promise<Result<Uint8Array, OpenError>> {
  const nonceStart = 1 + (wrapped[0] ?? 0);
  const body = Uint8Array.from(wrapped.subarray(nonceStart + nonceBytes));
  if (body.length !== dataKeyBytes + tagBytes) return err('not a sealed value');
  if (Buffer.compare(wrapped.subarray(1, nonceStart), keyId) !== 0) {
    return err('sealed with another key');
  }
  const mechanism = gcm(Uint8Array.from(wrapped.subarray(nonceStart, nonceStart + nonceBytes)));
  await module.call('C_DecryptInit', session, mechanism, key);
  const plain = Buffer.alloc(body.length);
  const length = words(plain.length);
  const value = await module.try('C_Decrypt', session, body, body.length, plain, length);
  if (encryptedDataInvalid.includes(value)) {
    return err('tampered with, or sealed for another place');
  }
  if (value !== 0) throw tokenFailed(module.path, 'C_Decrypt', value);
  const dataKey = Uint8Array.from(plain.subarray(0, Number(length.readBigUInt64LE())));
  plain.fill(0);
  return ok(dataKey);
}

/** The one key that the URI names; one that could leave the token would break the promise of having a token. */
async function findKey(module: Pkcs11Module, session: bigint, uri: Pkcs11Uri): Promise<TokenKey> {
  const [key, ...more] = await keysOf(module, session, uri);
  if (key === undefined) throw notThere('the token has no AES key of that name', nameOf(uri));
  if (more.length > 0) throw notThere('the token has several of that name', nameOf(uri));
  const { bytes, count, values } = attributes([
    [attribute.sensitive, false],
    [attribute.extractable, true],
    [attribute.id, new Uint8Array(keyIdBytesMax)],
  ]);
  await module.call('C_GetAttributeValue', session, key, bytes, count);
  const [sensitive, extractable, id] = values;
  if (sensitive?.[0] !== 1 || extractable?.[0] !== 0) {
    throw notThere('the key of that name may leave the token', nameOf(uri));
  }
  const idBytes = Number(bytes.readBigUInt64LE((2 * wordsOfAttribute + 2) * wordBytes));
  return { key, keyId: Uint8Array.from(id?.subarray(0, idBytes) ?? []) };
}

async function keysOf(module: Pkcs11Module, session: bigint, uri: Pkcs11Uri): Promise<bigint[]> {
  const { bytes, count } = attributes([
    [attribute.class, classSecretKey],
    [attribute.keyType, keyTypeAes],
    ...(uri.object === undefined ? [] : [[attribute.label, Buffer.from(uri.object)] as const]),
    ...(uri.id === undefined ? [] : [[attribute.id, uri.id] as const]),
  ]);
  await module.call('C_FindObjectsInit', session, bytes, count);
  const handles = Buffer.alloc(2 * wordBytes);
  const found = Buffer.alloc(wordBytes);
  await module.call('C_FindObjects', session, handles, 2, found);
  await module.call('C_FindObjectsFinal', session);
  const length = Number(found.readBigUInt64LE());
  return Array.from({ length }, (_, index) => handles.readBigUInt64LE(index * wordBytes));
}

function nameOf({ object, id }: Pkcs11Uri): string {
  const hex = id === undefined ? '' : ` id ${Buffer.from(id).toString('hex')}`;
  return `object ${object ?? ''}${hex}`;
}

/** CK_ATTRIBUTE: type, address, length. */
const wordsOfAttribute = 3;

type AttributeValue = number | boolean | Uint8Array;

/** CK_ATTRIBUTE[], and the memory that its values are in. */
function attributes(list: readonly (readonly [type: number, value: AttributeValue])[]): {
  readonly bytes: Buffer;
  readonly count: number;
  readonly values: readonly Uint8Array[];
} {
  const values = list.map(([, value]) => memoryOf(value));
  const fields = list.flatMap(([type], index) => {
    const value = values[index] ?? new Uint8Array(0);
    return [type, value, value.byteLength];
  });
  return { bytes: words(...fields), count: list.length, values };
}

function memoryOf(value: AttributeValue): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
  return typeof value === 'number' ? words(value) : value;
}

/** CK_MECHANISM with CK_GCM_PARAMS behind it. */
function gcm(nonce: Uint8Array): Buffer {
  const parameters = words(nonce, nonce.length, nonce.length * 8, 0, 0, tagBytes * 8);
  return words(mechanismAesGcm, parameters, parameters.length);
}

import {
  constants,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  sign,
} from 'node:crypto';
import { sized, u16, u32 } from '../../src/identity/hosts/tpm-structure.ts';

/**
 * What a TPM computes, written here once more and from the specification alone, with keys that any program holds: it shows that
 * both sides mean the same, and what a machine without a TPM could claim.
 */
export interface SoftKey {
  readonly privateKey: KeyObject;
  /** TPM2B_PUBLIC. */
  readonly publicPart: Buffer;
}

export type KeyKind = 'rsa2048' | 'rsa3072' | 'p256' | 'p384';

/** fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt: the low-range template. */
export const ekAttributes = 0x000300b2;
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign. */
export const akAttributes = 0x00050072;

interface KeyForm {
  readonly kind: KeyKind;
  readonly attributes: number;
  readonly policy?: Buffer;
  /** TPMT_SYM_DEF_OBJECT and the scheme. */
  readonly parameters: Buffer;
  readonly nameHash?: number;
}

const aes128Cfb = Buffer.concat([u16(0x0006), u16(128), u16(0x0043)]);
const aes256Cfb = Buffer.concat([u16(0x0006), u16(256), u16(0x0043)]);
const none = u16(0x0010);

export function softEk(kind: KeyKind, attributes = ekAttributes): SoftKey {
  const large = kind === 'rsa3072' || kind === 'p384';
  const parameters = Buffer.concat([large ? aes256Cfb : aes128Cfb, none]);
  const policy = Buffer.alloc(large ? 48 : 32, 7);
  return softKey({ kind, attributes, parameters, policy, nameHash: large ? 0x000c : 0x000b });
}

export function softAk(kind: KeyKind, attributes = akAttributes): SoftKey {
  const scheme = kind.startsWith('rsa') ? 0x0014 : 0x0018;
  return softKey({ kind, attributes, parameters: Buffer.concat([none, u16(scheme), u16(0x000b)]) });
}

export function softKey(form: KeyForm): SoftKey {
  const { privateKey, publicKey } = form.kind.startsWith('rsa')
    ? generateKeyPairSync('rsa', { modulusLength: Number(form.kind.slice(3)) })
    : generateKeyPairSync('ec', { namedCurve: form.kind === 'p256' ? 'P-256' : 'P-384' });
  const { n = '', x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
  const isRsa = form.kind.startsWith('rsa');
  const tail = isRsa
    ? [u16(Number(form.kind.slice(3))), u32(0), sized(bytes(n))]
    : [u16(form.kind === 'p256' ? 3 : 4), none, sized(bytes(x)), sized(bytes(y))];
  const head = [u16(isRsa ? 0x0001 : 0x0023), u16(form.nameHash ?? 0x000b), u32(form.attributes)];
  const policy = sized(form.policy ?? Buffer.alloc(0));
  const publicPart = Buffer.from(sized(...head, policy, form.parameters, ...tail));
  return { privateKey, publicPart };
}

function nameOf({ publicPart }: SoftKey): Buffer {
  const area = publicPart.subarray(2);
  const hash = area.readUInt16BE(2) === 0x000c ? 'sha384' : 'sha256';
  return Buffer.concat([area.subarray(2, 4), createHash(hash).update(area).digest()]);
}

/** TPM2_ActivateCredential; throws where a TPM would refuse. */
export function activate(ek: SoftKey, ak: SoftKey, blob: Buffer, encryptedSeed: Buffer): Buffer {
  const hash = ek.publicPart.readUInt16BE(4) === 0x000c ? 'sha384' : 'sha256';
  const bits = hash === 'sha384' ? 384 : 256;
  const aesBits = hash === 'sha384' ? 256 : 128;
  const seed = openSeed(ek, encryptedSeed.subarray(2), hash);
  const object = blob.subarray(2);
  const macLength = object.readUInt16BE(0);
  const mac = object.subarray(2, 2 + macLength);
  const identity = object.subarray(2 + macLength);
  const macKey = derive(hash, seed, 'INTEGRITY', Buffer.alloc(0), bits);
  const expected = createHmac(hash, macKey).update(identity).update(nameOf(ak)).digest();
  if (!expected.equals(mac)) throw new Error('integrity check failed');
  const key = derive(hash, seed, 'STORAGE', nameOf(ak), aesBits);
  const decipher = createDecipheriv(`aes-${aesBits}-cfb`, key, Buffer.alloc(16));
  const plain = Buffer.concat([decipher.update(identity), decipher.final()]);
  return plain.subarray(2, 2 + plain.readUInt16BE(0));
}

function openSeed(ek: SoftKey, wrapped: Buffer, hash: string): Buffer {
  if (ek.privateKey.asymmetricKeyType === 'rsa') {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const oaepLabel = Buffer.from('IDENTITY\0');
    return privateDecrypt({ key: ek.privateKey, padding, oaepHash: hash, oaepLabel }, wrapped);
  }
  const { d = '', x = '', crv = '' } = ek.privateKey.export({ format: 'jwk' });
  const length = wrapped.readUInt16BE(0);
  const theirX = wrapped.subarray(2, 2 + length);
  const theirY = wrapped.subarray(2 + length + 2);
  const ecdh = createECDH(crv === 'P-256' ? 'prime256v1' : 'secp384r1');
  ecdh.setPrivateKey(Buffer.from(d, 'base64url'));
  const shared = ecdh.computeSecret(Buffer.concat([Buffer.of(4), theirX, theirY]));
  const parts = [u32(1), shared, Buffer.from('IDENTITY\0'), theirX, Buffer.from(x, 'base64url')];
  return createHash(hash).update(Buffer.concat(parts)).digest();
}

/** KDFa where one block is enough. */
function derive(hash: string, key: Buffer, label: string, context: Buffer, bits: number): Buffer {
  const input = Buffer.concat([u32(1), Buffer.from(`${label}\0`), context, u32(bits)]);
  return createHmac(hash, key)
    .update(input)
    .digest()
    .subarray(0, bits / 8);
}

export interface SoftQuote {
  readonly quote: Buffer;
  readonly signature: Buffer;
}

/** TPM2_Quote by a key that obeys nobody: also statements that no TPM would sign. */
export function softQuote(
  ak: SoftKey,
  extraData: Uint8Array,
  change: { readonly magic?: number; readonly type?: number } = {},
): SoftQuote {
  const selection = Buffer.concat([u32(1), u16(0x000b), Buffer.of(3, 1, 0, 0)]);
  const quote = Buffer.concat([
    ...[u32(change.magic ?? 0xff544347), u16(change.type ?? 0x8018), sized(nameOf(ak))],
    ...[sized(extraData), Buffer.alloc(8 + 4 + 4 + 1 + 8), selection, sized(Buffer.alloc(32))],
  ]);
  const isRsa = ak.privateKey.asymmetricKeyType === 'rsa';
  const key = createPrivateKey(ak.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const raw = sign('sha256', quote, isRsa ? key : { key, dsaEncoding: 'ieee-p1363' });
  const half = raw.length / 2;
  const parts = isRsa ? [sized(raw)] : [sized(raw.subarray(0, half)), sized(raw.subarray(half))];
  const head = [u16(isRsa ? 0x0014 : 0x0018), u16(0x000b)];
  return { quote, signature: Buffer.concat([...head, ...parts]) };
}

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';
import { tag, write, writeBitString, writeOid, writeUnsigned } from '../der.ts';
import { oid } from '../oids.ts';
import {
  algorithm,
  hashOf,
  padded,
  type TpmFields,
  type TpmHash,
  tpmFields,
  u16,
} from './tpm-structure.ts';

/** The public part of a TPM's key, as far as keys of attestation go. What it says of itself is a claim until it is proven. */
export interface TpmPublic {
  /** TPMT_PUBLIC, as it came: the name is made of these bytes. */
  readonly encoded: Uint8Array;
  readonly nameHash: TpmHash;
  /** TPMA_OBJECT. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  /** Of AES in CFB mode, for keys that wrap others. */
  readonly symmetricBits: number | undefined;
  /** How a signing key signs; it signs in no other way. */
  readonly scheme: TpmScheme | undefined;
  readonly kind: 'rsa' | 'ecc';
  readonly curve: TpmCurve | undefined;
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

interface TpmScheme {
  readonly kind: 'rsassa' | 'ecdsa';
  readonly hash: TpmHash;
}

/** `point`: the uncompressed point. */
export interface TpmCurve {
  readonly name: 'prime256v1' | 'secp384r1';
  readonly fieldBytes: number;
  readonly x: Uint8Array;
  readonly point: Uint8Array;
}

/** Reads a TPM2B_PUBLIC: whole, of a kind that attests, its key on its curve or of its length. Never throws. */
export function readTpmPublic(bytes: Uint8Array): Result<TpmPublic, string> {
  const outer = tpmFields(bytes);
  const encoded = outer.sized();
  if (!outer.complete()) return err('its length is wrong');
  const fields = tpmFields(encoded);
  const type = fields.u16();
  const nameHash = hashOf(fields.u16());
  const attributes = fields.u32();
  const authPolicy = fields.sized();
  const symmetric = readSymmetric(fields);
  const scheme = readScheme(fields);
  const key = type === algorithm.rsa ? readRsa(fields) : readEcc(fields, type);
  if (nameHash === undefined) return err('its name is not made by SHA-256 or SHA-384');
  if (!symmetric.ok) return symmetric;
  if (!scheme.ok) return scheme;
  if (!key.ok) return key;
  if (!fields.complete()) return err('it is cut off, or more follows');
  return ok({
    ...{ encoded, nameHash, attributes, authPolicy },
    ...{ symmetricBits: symmetric.value, scheme: scheme.value },
    ...key.value,
  });
}

/** What a TPM calls the key (Part 1, section "Names"): it holds every attribute, so that none can be claimed for another. */
export function tpmName({ nameHash, encoded }: TpmPublic): Uint8Array {
  return Buffer.concat([u16(algorithm[nameHash]), createHash(nameHash).update(encoded).digest()]);
}

/** Names a TPM to people: SHA-256 of its endorsement key as SubjectPublicKeyInfo, in hex. */
export function ekHash({ spki }: TpmPublic): string {
  return createHash('sha256').update(spki).digest('hex');
}

function readSymmetric(fields: TpmFields): Result<number | undefined, string> {
  const id = fields.u16();
  if (id === algorithm.null) return ok(undefined);
  const bits = fields.u16();
  const mode = fields.u16();
  return id === algorithm.aes && mode === algorithm.cfb && [128, 192, 256].includes(bits)
    ? ok(bits)
    : err('it wraps by something other than AES in CFB mode');
}

function readScheme(fields: TpmFields): Result<TpmScheme | undefined, string> {
  const id = fields.u16();
  if (id === algorithm.null) return ok(undefined);
  const kind = id === algorithm.rsassa ? 'rsassa' : id === algorithm.ecdsa ? 'ecdsa' : undefined;
  const hash = hashOf(fields.u16());
  if (kind === undefined || hash === undefined)
    return err('it signs by something other than RSASSA or ECDSA with SHA-256 or SHA-384');
  return ok({ kind, hash });
}

type KeyPart = Pick<TpmPublic, 'kind' | 'curve' | 'key' | 'spki'>;

const rsaBits = [2_048, 3_072];
/** Zero is how a TPM writes the usual one. */
const rsaExponents = [0, 65_537];
const rsaExponent = Uint8Array.of(1, 0, 1);

function readRsa(fields: TpmFields): Result<KeyPart, string> {
  const bits = fields.u16();
  const exponent = fields.u32();
  const modulus = fields.sized();
  if (!rsaBits.includes(bits)) return err('an RSA key that has not 2048 or 3072 bits');
  if (!rsaExponents.includes(exponent)) return err('an RSA key of an unusual exponent');
  const first = modulus[0] ?? 0;
  const last = modulus.at(-1) ?? 0;
  if (modulus.length !== bits / 8 || (first & 0x80) === 0 || (last & 1) === 0)
    return err('an RSA key whose modulus has not the length that it names, or is even');
  const bytes = write(tag.sequence, writeUnsigned(modulus), writeUnsigned(rsaExponent));
  const head = write(tag.sequence, writeOid(oid.rsaEncryption), write(tag.null));
  const spki = write(tag.sequence, head, writeBitString(bytes));
  return importKey(spki, { kind: 'rsa', curve: undefined });
}

const curves: Readonly<
  Record<number, Pick<TpmCurve, 'name' | 'fieldBytes'> & { readonly oid: string }>
> = {
  3: { name: 'prime256v1', fieldBytes: 32, oid: oid.prime256v1 },
  4: { name: 'secp384r1', fieldBytes: 48, oid: oid.secp384r1 },
};

function readEcc(fields: TpmFields, type: number): Result<KeyPart, string> {
  if (type !== algorithm.ecc) return err('a key that is neither RSA nor on a curve');
  const curve = curves[fields.u16()];
  if (curve === undefined) return err('a key on a curve other than P-256 and P-384');
  if (fields.u16() !== algorithm.null) return err('a key that derives in a way of its own');
  const x = padded(fields.sized(), curve.fieldBytes);
  const y = padded(fields.sized(), curve.fieldBytes);
  if (x === undefined || y === undefined) return err('a point that is larger than its curve');
  const point = Buffer.concat([Uint8Array.of(4), x, y]);
  const head = write(tag.sequence, writeOid(oid.ecPublicKey), writeOid(curve.oid));
  const spki = write(tag.sequence, head, writeBitString(point));
  const { name, fieldBytes } = curve;
  return importKey(spki, { kind: 'ecc', curve: { name, fieldBytes, x, point } });
}

/** Also where a point is held against its curve. */
function importKey(
  spki: Uint8Array,
  part: Pick<TpmPublic, 'kind' | 'curve'>,
): Result<KeyPart, string> {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return ok({ ...part, key, spki });
  } catch {
    return err('a public key that is none, such as a point beside its curve');
  }
}

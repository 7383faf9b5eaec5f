import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  publicEncrypt,
} from 'node:crypto';
import type { Random } from '../../base/random.ts';
import type { TpmCurve, TpmPublic } from './tpm-public.ts';
import { hashBytes, sized, type TpmHash, u32 } from './tpm-structure.ts';

/** What only the TPM of the endorsement key opens, and only beside the key of that name. */
interface TpmCredential {
  /** TPM2B_ID_OBJECT. */
  readonly blob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly seed: Uint8Array;
}

/** Labels are hashed with the zero at their end (Part 1, annexes B and C). */
const identityLabel = Buffer.from('IDENTITY\0');
const nothing = new Uint8Array(0);

/**
 * TPM2_MakeCredential in software (Part 1, section "Credential Protection"). `ek` must have passed `ekProblem`; `secret` is at
 * most as long as a hash of it.
 */
export function makeCredential(given: {
  readonly ek: TpmPublic;
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
  readonly random: Random;
}): TpmCredential {
  const { ek, name } = given;
  const { nameHash: hash, symmetricBits = 0 } = ek;
  const { seed, wrapped } = ek.curve === undefined ? rsaSeed(given) : ecdhSeed(hash, ek.curve);
  const symmetricKey = kdfa(hash, seed, { label: 'STORAGE', context: name, bits: symmetricBits });
  const cipher = createCipheriv(`aes-${symmetricBits}-cfb`, symmetricKey, Buffer.alloc(16));
  const identity = Buffer.concat([cipher.update(sized(given.secret)), cipher.final()]);
  const bits = hashBytes[hash] * 8;
  const macKey = kdfa(hash, seed, { label: 'INTEGRITY', context: nothing, bits });
  const mac = createHmac(hash, macKey).update(identity).update(name).digest();
  return { blob: sized(sized(mac), identity), seed: sized(wrapped) };
}

interface Seed {
  readonly seed: Uint8Array;
  readonly wrapped: Uint8Array;
}

function rsaSeed(given: { readonly ek: TpmPublic; readonly random: Random }): Seed {
  const { key, nameHash } = given.ek;
  const seed = given.random.bytes(hashBytes[nameHash]);
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: nameHash };
  return { seed, wrapped: publicEncrypt({ key, ...oaep, oaepLabel: identityLabel }, seed) };
}

function ecdhSeed(hash: TpmHash, curve: TpmCurve): Seed {
  const own = createECDH(curve.name);
  const point = own.generateKeys();
  const x = point.subarray(1, 1 + curve.fieldBytes);
  const y = point.subarray(1 + curve.fieldBytes);
  const shared = own.computeSecret(curve.point);
  return { seed: kdfe(hash, shared, x, curve.x), wrapped: Buffer.concat([sized(x), sized(y)]) };
}

/** Part 1, section "KDFa": NIST SP 800-108 in counter mode with HMAC. One block: no key here is longer than the hash. */
function kdfa(
  hash: TpmHash,
  key: Uint8Array,
  given: { readonly label: string; readonly context: Uint8Array; readonly bits: number },
): Uint8Array {
  return createHmac(hash, key)
    .update(u32(1))
    .update(`${given.label}\0`)
    .update(given.context)
    .update(u32(given.bits))
    .digest()
    .subarray(0, given.bits / 8);
}

/** Part 1, section "KDFe": NIST SP 800-56A with a hash. One block as well. */
function kdfe(hash: TpmHash, shared: Uint8Array, ours: Uint8Array, theirs: Uint8Array): Uint8Array {
  return createHash(hash)
    .update(u32(1))
    .update(shared)
    .update(identityLabel)
    .update(ours)
    .update(theirs)
    .digest();
}

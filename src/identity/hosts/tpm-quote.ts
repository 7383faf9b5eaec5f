import { createHash, timingSafeEqual, verify } from 'node:crypto';
import type { TpmPublic } from './tpm-public.ts';
import { algorithm, hashOf, padded, type TpmFields, tpmFields } from './tpm-structure.ts';

/** What every statement that a TPM makes of itself begins with; a restricted key signs nothing of others that does. */
const generated = 0xff544347;
const quoteType = 0x8018;
/** As many as a TPM has banks of registers; real ones have up to five. */
const selectionsMax = 16;

const context = Buffer.from('chancery host attestation tpm 1\0');

/**
 * What the TPM's statement must carry: the challenge, and the key that the host's certificate will be for. A statement for one
 * challenge or key is none for another.
 */
export function qualifyingData(nonce: Uint8Array, publicKeySpki: Uint8Array): Uint8Array {
  const key = createHash('sha256').update(publicKeySpki).digest();
  return createHash('sha256').update(context).update(nonce).update(key).digest();
}

/** Why this is no quote (TPMS_ATTEST) of these data that the key has signed (TPMT_SIGNATURE). Never throws. */
export function quoteProblem(given: {
  /** Has passed `akProblem`. */
  readonly ak: TpmPublic;
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  readonly data: Uint8Array;
}): string | undefined {
  const signature = readSignature(given.ak, given.signature);
  if (signature === undefined) return 'the signature is not of the kind that its key makes';
  const extraData = readQuote(given.quote);
  if (extraData === undefined) return 'the statement is no quote of a TPM';
  const { key, scheme } = given.ak;
  const options = { key, dsaEncoding: 'ieee-p1363' as const };
  if (!verify(scheme?.hash, given.quote, options, signature))
    return 'the signature of the quote does not fit its key';
  const same = extraData.length === given.data.length && timingSafeEqual(extraData, given.data);
  return same ? undefined : 'the quote was made for another challenge or for another key';
}

/** The signature as `verify` takes it; numbers of a curve in full length. */
function readSignature({ scheme, curve }: TpmPublic, bytes: Uint8Array): Uint8Array | undefined {
  const fields = tpmFields(bytes);
  const kind = fields.u16();
  const hash = hashOf(fields.u16());
  if (scheme === undefined || kind !== algorithm[scheme.kind] || hash !== scheme.hash)
    return undefined;
  if (curve === undefined) {
    const signature = fields.sized();
    return fields.complete() ? signature : undefined;
  }
  const r = padded(fields.sized(), curve.fieldBytes);
  const s = padded(fields.sized(), curve.fieldBytes);
  if (r === undefined || s === undefined || !fields.complete()) return undefined;
  return Buffer.concat([r, s]);
}

/** The data that a quote carries, read to its end; undefined when it is something else. */
function readQuote(bytes: Uint8Array): Uint8Array | undefined {
  const fields = tpmFields(bytes);
  if (fields.u32() !== generated || fields.u16() !== quoteType) return undefined;
  fields.sized(); // The name of the key that signed: the signature says it better.
  const extraData = fields.sized();
  fields.bytes(clockInfoBytes + firmwareVersionBytes);
  if (!passSelections(fields)) return undefined;
  fields.sized(); // The digest of the registers, which nothing here depends on.
  return fields.complete() ? extraData : undefined;
}

/** Clock, two counters and whether the clock is safe. */
const clockInfoBytes = 8 + 4 + 4 + 1;
const firmwareVersionBytes = 8;

function passSelections(fields: TpmFields): boolean {
  const count = fields.u32();
  if (count > selectionsMax) return false;
  for (let index = 0; index < count; index += 1) {
    fields.u16();
    fields.bytes(fields.u8());
  }
  return true;
}

/**
 * The fields of a TPM structure, front to back (TPM 2.0 Library, Part 2; everything is big-endian). Past the end they read as
 * zero or empty: a reader goes through and asks `complete` once, before it believes anything.
 */
export interface TpmFields {
  u8(): number;
  u16(): number;
  u32(): number;
  bytes(length: number): Uint8Array;
  /** A TPM2B: two bytes of length, then as many. */
  sized(): Uint8Array;
  /** Nothing was missing and nothing is left. */
  complete(): boolean;
}

export function tpmFields(input: Uint8Array): TpmFields {
  let offset = 0;
  let missing = false;
  const bytes = (length: number): Uint8Array => {
    const end = offset + length;
    if (end > input.length) {
      missing = true;
      offset = input.length;
      return new Uint8Array(0);
    }
    const taken = input.subarray(offset, end);
    offset = end;
    return taken;
  };
  const number = (length: number): number =>
    bytes(length).reduce((value, byte) => value * 256 + byte, 0);
  const u16 = (): number => number(2);
  return {
    u8: () => number(1),
    u16,
    u32: () => number(4),
    bytes,
    sized: () => bytes(u16()),
    complete: () => !missing && offset === input.length,
  };
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** A TPM2B around what is given. */
export function sized(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([u16(length), ...parts]);
}

/** A big-endian number in exactly so many bytes; undefined when it has more. Some TPMs leave leading zeros out. */
export function padded(value: Uint8Array, length: number): Uint8Array | undefined {
  if (value.length > length) return undefined;
  return Buffer.concat([new Uint8Array(length - value.length), value]);
}

/** Identifiers of algorithms (Part 2, table "TPM_ALG_ID"). */
export const algorithm = {
  rsa: 0x0001,
  aes: 0x0006,
  sha256: 0x000b,
  sha384: 0x000c,
  null: 0x0010,
  rsassa: 0x0014,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

export type TpmHash = 'sha256' | 'sha384';

export function hashOf(id: number): TpmHash | undefined {
  if (id === algorithm.sha256) return 'sha256';
  return id === algorithm.sha384 ? 'sha384' : undefined;
}

export const hashBytes: Readonly<Record<TpmHash, number>> = { sha256: 32, sha384: 48 };

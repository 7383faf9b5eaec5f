import type { TpmPublic } from './tpm-public.ts';

/** Bits of TPMA_OBJECT (Part 2). */
const bits = {
  fixedTPM: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDA: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;
type Bit = keyof typeof bits;

/** Made in its TPM, and never to leave it. */
const resident: readonly Bit[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted'];

/** Why this is no endorsement key: it must wrap for its own TPM only and sign nothing (TCG EK Credential Profile, annex B). */
export function ekProblem(key: TpmPublic): string | undefined {
  const attributes = attributesProblem(
    key,
    [...resident, 'decrypt'],
    ['userWithAuth', 'adminWithPolicy', 'noDA'],
  );
  if (attributes !== undefined) return attributes;
  if (key.symmetricBits === undefined) return 'it wraps nothing';
  return key.scheme === undefined ? undefined : 'it has a scheme, as a key has that signs';
}

/**
 * Why this key cannot attest. `restricted`: it signs nothing that its TPM has not made itself, so that a statement cannot be
 * forged by asking for a signature. One way of use, by its own password: a key of which a TPM knows the public part alone
 * has none that could be given.
 */
export function akProblem(key: TpmPublic): string | undefined {
  const attributes = attributesProblem(key, [...resident, 'userWithAuth', 'sign'], ['noDA']);
  if (attributes !== undefined) return attributes;
  if (key.authPolicy.length > 0) return 'it has a policy';
  if (key.symmetricBits !== undefined) return 'it wraps other keys';
  const wanted = key.kind === 'rsa' ? 'rsassa' : 'ecdsa';
  return key.scheme?.kind === wanted ? undefined : 'it does not sign in the one way of its kind';
}

function attributesProblem(
  { attributes }: TpmPublic,
  must: readonly Bit[],
  may: readonly Bit[],
): string | undefined {
  const missing = must.find((bit) => (attributes & bits[bit]) === 0);
  if (missing !== undefined) return `it lacks the attribute ${missing}`;
  const allowed = [...must, ...may].reduce((sum, bit) => sum | bits[bit], 0);
  const more = (attributes & ~allowed) >>> 0;
  if (more === 0) return undefined;
  const named = (Object.keys(bits) as Bit[]).find((bit) => (more & bits[bit]) !== 0);
  return `it has the attribute ${named ?? `0x${more.toString(16)}`}`;
}

import { ChanceryError } from '../base/error.ts';
import type { TpmSealer } from './host-key.ts';
import { type TpmAccess, type TpmJob, withTpm } from './tpm2-tools.ts';

/** For whoever keeps a key in it. */
export function tpmSealer(access: TpmAccess): TpmSealer {
  return {
    seal: (secret) => sealToTpm(access, secret),
    open: async (sealed) => {
      try {
        return await unsealFromTpm(access, sealed);
      } catch (error) {
        if (error instanceof ChanceryError && error.code === 'CH3033') return undefined;
        throw error;
      }
    },
  };
}

/** What any TPM seals (Part 2, MAX_SYM_DATA): a key, not a file. */
const sealedBytesMax = 128;

/**
 * Seals a few bytes, such as a key, so that this TPM alone gives them back, until it is cleared. It does so to whoever may use
 * it: this binds to the machine, not to a user. Errors: CH3030 to CH3032.
 */
export async function sealToTpm(access: TpmAccess, bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length === 0 || bytes.length > sealedBytesMax)
    throw new RangeError(`a TPM seals 1 to ${sealedBytesMax} bytes, not ${bytes.length}`);
  return withTpm(access, async (tpm) => {
    const parent = await storageKey(tpm);
    const files = ['--public', tpm.path('public'), '--private', tpm.path('private')];
    // By the standard input: what is sealed never lies in a file.
    const options = ['--parent-context', parent, '--sealing-input', '-', ...files];
    await tpm.runAndFlush('tpm2_create', [...options, '--attributes', sealedAttributes], bytes);
    return Buffer.concat([await tpm.read('public'), await tpm.read('private')]);
  });
}

/** Errors: CH3033 when this TPM has not sealed it, or was cleared since. */
export async function unsealFromTpm(access: TpmAccess, sealed: Uint8Array): Promise<Uint8Array> {
  const parts = split(sealed);
  if (parts === undefined) throw doesNotOpen('it is cut off');
  return withTpm(access, async (tpm) => {
    const parent = await storageKey(tpm);
    await tpm.write('public', parts.publicPart);
    await tpm.write('private', parts.privatePart);
    const files = ['--public', tpm.path('public'), '--private', tpm.path('private')];
    const loaded = tpm.path('loaded');
    const load = ['--parent-context', parent, ...files, '--key-context', loaded];
    try {
      await tpm.runAndFlush('tpm2_load', load);
      return await tpm.runAndFlush('tpm2_unseal', ['--object-context', loaded]);
    } catch (error) {
      const found = error instanceof ChanceryError ? (error.finding.found ?? '') : '';
      throw refusesBlob.test(found) ? doesNotOpen(found) : error;
    }
  });
}

/**
 * The TPM, or the tool that reads for it, finds fault with what it is given. Anything else, such as a TPM that is busy, says
 * nothing about what is sealed.
 */
const refusesBlob = /tpm:parameter\(\d\)|mu:/;

/** Without dictionary attack protection: there is no password that could be guessed, and a lockout would close it. */
const sealedAttributes = 'fixedtpm|fixedparent|userwithauth|noda';
const storageAttributes =
  'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda';

/** Made anew each time, of the TPM's own seed: the same template gives the same key. */
async function storageKey(tpm: TpmJob): Promise<string> {
  const path = tpm.path('storage');
  const template = ['--hierarchy', 'o', '--key-algorithm', 'ecc256:aes128cfb'];
  await tpm.runAndFlush('tpm2_createprimary', [
    ...['--quiet', ...template, '--attributes', storageAttributes],
    ...['--key-context', path],
  ]);
  return path;
}

/** TPM2B_PUBLIC and TPM2B_PRIVATE, each with its length in front. */
function split(
  sealed: Uint8Array,
): { readonly publicPart: Uint8Array; readonly privatePart: Uint8Array } | undefined {
  const end = endOfSized(sealed, 0);
  if (end === undefined || endOfSized(sealed, end) !== sealed.length) return undefined;
  return { publicPart: sealed.subarray(0, end), privatePart: sealed.subarray(end) };
}

function endOfSized(bytes: Uint8Array, start: number): number | undefined {
  const [high, low] = bytes.subarray(start);
  if (high === undefined || low === undefined) return undefined;
  const end = start + 2 + high * 256 + low;
  return end <= bytes.length ? end : undefined;
}

function doesNotOpen(found: string): ChanceryError {
  return new ChanceryError({
    code: 'CH3033',
    message: 'the TPM does not open what is to have been sealed by it',
    found,
    help: 'it was sealed by another TPM, or the TPM was cleared: what was sealed is lost, begin anew',
  });
}

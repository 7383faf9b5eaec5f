import { ChanceryError } from '../../base/error.ts';

/** The return values that a person can do something about. */
const names: Readonly<Record<number, string>> = {
  2: 'CKR_HOST_MEMORY',
  5: 'CKR_GENERAL_ERROR',
  6: 'CKR_FUNCTION_FAILED',
  7: 'CKR_ARGUMENTS_BAD',
  48: 'CKR_DEVICE_ERROR',
  49: 'CKR_DEVICE_MEMORY',
  50: 'CKR_DEVICE_REMOVED',
  64: 'CKR_ENCRYPTED_DATA_INVALID',
  65: 'CKR_ENCRYPTED_DATA_LEN_RANGE',
  84: 'CKR_FUNCTION_NOT_SUPPORTED',
  99: 'CKR_KEY_TYPE_INCONSISTENT',
  104: 'CKR_KEY_FUNCTION_NOT_PERMITTED',
  112: 'CKR_MECHANISM_INVALID',
  113: 'CKR_MECHANISM_PARAM_INVALID',
  160: 'CKR_PIN_INCORRECT',
  161: 'CKR_PIN_INVALID',
  162: 'CKR_PIN_LEN_RANGE',
  163: 'CKR_PIN_EXPIRED',
  164: 'CKR_PIN_LOCKED',
  177: 'CKR_SESSION_COUNT',
  224: 'CKR_TOKEN_NOT_PRESENT',
  225: 'CKR_TOKEN_NOT_RECOGNIZED',
  226: 'CKR_TOKEN_WRITE_PROTECTED',
  258: 'CKR_USER_PIN_NOT_INITIALIZED',
  336: 'CKR_BUFFER_TOO_SMALL',
};

export const encryptedDataInvalid: readonly number[] = [64, 65];
export const userAlreadyLoggedIn = 256;
const pinRefused: readonly number[] = [160, 161, 162, 163, 164, 258];
const notPresent: readonly number[] = [50, 224, 225];

function nameOf(value: number): string {
  return names[value] ?? `CKR 0x${value.toString(16)}`;
}

/** What a call that failed means for a person: CH5216 (gone), CH5217 (the PIN) or CH5218. */
export function tokenFailed(path: string, call: string, value: number | string): ChanceryError {
  const problem = `${call}: ${typeof value === 'number' ? nameOf(value) : value}`;
  if (typeof value === 'number' && pinRefused.includes(value)) return pinProblem(problem);
  if (typeof value === 'number' && notPresent.includes(value)) return notThere(problem, path);
  return new ChanceryError({
    code: 'CH5218',
    message: `the token of the key-encryption key failed: ${problem}`,
    found: path,
    help: 'look at the log of the token or its service; the control plane needs CKM_AES_GCM with a nonce of its own',
  });
}

export function pinProblem(problem: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5217',
    message: `the token does not take the PIN: ${problem}`,
    help: 'correct the file of pin-source before you try again: tokens lock after some wrong PINs',
  });
}

export function notThere(problem: string, found: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5216',
    message: `the key-encryption key is not there: ${problem}`,
    found,
    help: 'look at labels and slots with the tool of your token; to make the key: chancery ca rekey --to pkcs11:… --generate',
  });
}

import koffi, { type LibraryHandle } from 'koffi';
import { ChanceryError, messageOf } from '../../base/error.ts';
import { tokenFailed } from './pkcs11-errors.ts';

/** Where a function stands in CK_FUNCTION_LIST, which all of 2.x and 3.x begin with. */
const functions = {
  C_Initialize: 0,
  C_GetSlotList: 4,
  C_GetTokenInfo: 6,
  C_OpenSession: 12,
  C_CloseSession: 13,
  C_Login: 18,
  C_GetAttributeValue: 24,
  C_FindObjectsInit: 26,
  C_FindObjects: 27,
  C_FindObjectsFinal: 28,
  C_EncryptInit: 29,
  C_Encrypt: 30,
  C_DecryptInit: 33,
  C_Decrypt: 34,
  C_GenerateKey: 58,
} as const;

type FunctionName = keyof typeof functions;

/** CK_ULONG and pointers on 64-bit Linux, the only one that is supported. */
export const wordBytes = 8;
const functionListOffset = 8;
const returnOk = 0;
const alreadyInitialized = 0x191;
/** Calls come from threads: the module locks by itself. */
const osLockingOk = 2n;
/** A token over a network that is away must not hold the control plane up for ever. */
const answerWithinMs = 10_000;

/** A number, or the memory that is passed by its address (null: none). */
type Argument = number | bigint | Uint8Array | null;

export interface Pkcs11Module {
  readonly path: string;
  /** The return value, whatever it is. Errors: CH5218 (no answer in time). */
  readonly try: (name: FunctionName, ...args: readonly Argument[]) => Promise<number>;
  /** Errors: CH5218 when the return value is not CKR_OK. */
  readonly call: (name: FunctionName, ...args: readonly Argument[]) => Promise<void>;
}

interface Native {
  async(...args: readonly unknown[]): void;
}

const loaded = new Map<string, Promise<Pkcs11Module>>();
/** A library that nothing holds is unloaded, whatever addresses of its functions are still about. */
const libraries = new Set<LibraryHandle>();

/** A module is initialized once in a process. Errors: CH5215. */
export function loadModule(path: string): Promise<Pkcs11Module> {
  let module = loaded.get(path);
  if (module === undefined) {
    module = initialize(path);
    loaded.set(path, module);
    // The next attempt may find it mended.
    module.catch(() => loaded.delete(path));
  }
  return module;
}

async function initialize(path: string): Promise<Pkcs11Module> {
  const module = moduleOf(path, functionListOf(path));
  const args = Buffer.alloc(6 * wordBytes);
  args.writeBigUInt64LE(osLockingOk, 4 * wordBytes);
  const value = await module.try('C_Initialize', args);
  if (value === returnOk || value === alreadyInitialized) return module;
  throw notLoadable(path, `C_Initialize gives 0x${value.toString(16)}`);
}

function functionListOf(path: string): bigint {
  try {
    const library = koffi.load(path);
    libraries.add(library);
    const getList = library.func('C_GetFunctionList', 'ulong', ['void *']);
    const list = Buffer.alloc(wordBytes);
    const value = Number(getList(list));
    if (value !== returnOk) throw new Error(`C_GetFunctionList gives 0x${value.toString(16)}`);
    return list.readBigUInt64LE();
  } catch (error) {
    throw notLoadable(path, messageOf(error));
  }
}

function moduleOf(path: string, list: bigint): Pkcs11Module {
  const natives = new Map<string, Native>();
  const attempt = async (name: FunctionName, ...args: readonly Argument[]): Promise<number> => {
    const key = `${name}/${args.length}`;
    const native = natives.get(key) ?? nativeOf(list, name, args.length);
    natives.set(key, native);
    return withinTime(name, path, native, args);
  };
  return {
    path,
    try: attempt,
    call: async (name, ...args) => {
      const value = await attempt(name, ...args);
      if (value !== returnOk) throw tokenFailed(path, name, value);
    },
  };
}

/** All parameters of these functions are one word: a number or an address. */
function nativeOf(list: bigint, name: FunctionName, parameters: number): Native {
  const at = functionListOffset + functions[name] * wordBytes;
  const address = BigInt(koffi.decode(list, at, 'uintptr_t') as number | bigint);
  const prototype = koffi.proto('ulong', new Array<string>(parameters).fill('uintptr_t'));
  return koffi.decode(address, prototype) as Native;
}

/** Memory that native code may still use, also after its answer is not waited for any more. */
const inUse = new Set<readonly Argument[]>();
/** What the addresses inside of a struct point at lives as long as the struct. */
const pointedAt = new WeakMap<Uint8Array, readonly Uint8Array[]>();

/** A struct or array of words; memory becomes its address. */
export function words(...values: readonly (number | bigint | Uint8Array)[]): Buffer {
  const bytes = Buffer.alloc(values.length * wordBytes);
  for (const [index, value] of values.entries()) {
    bytes.writeBigUInt64LE(BigInt(wordOf(value)), index * wordBytes);
  }
  pointedAt.set(
    bytes,
    values.filter((value) => typeof value === 'object'),
  );
  return bytes;
}

function wordOf(argument: Argument): number | bigint {
  if (argument === null) return 0;
  if (typeof argument !== 'object') return argument;
  return argument.byteLength === 0 ? 0 : koffi.address(argument);
}

function withinTime(
  name: FunctionName,
  path: string,
  native: Native,
  args: readonly Argument[],
): Promise<number> {
  inUse.add(args);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(tokenFailed(path, name, `no answer within ${answerWithinMs / 1_000} s`)),
      answerWithinMs,
    );
    const onAnswer = (error: unknown, value: number | bigint): void => {
      clearTimeout(timer);
      inUse.delete(args);
      if (error === null || error === undefined) resolve(Number(value));
      else reject(tokenFailed(path, name, messageOf(error)));
    };
    native.async(...args.map(wordOf), onAnswer);
  });
}

function notLoadable(path: string, problem: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5215',
    message: `the PKCS#11 module cannot be loaded: ${problem}`,
    found: path,
    help: 'give the path of the module of your token, for this machine and readable by the control plane',
  });
}

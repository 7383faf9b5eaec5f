import { notThere, pinProblem, tokenFailed, userAlreadyLoggedIn } from './pkcs11-errors.ts';
import { type Pkcs11Module, wordBytes } from './pkcs11-module.ts';
import { readSecretFile } from './secret-file.ts';
import type { Pkcs11Uri, TokenAttribute } from './uri.ts';

/** More slots than any module shows. */
const slotsMax = 256;
const sessionReadWrite = 0x6;
const userTypeUser = 1;

/** CK_TOKEN_INFO: label, manufacturer, model and serial, padded with spaces; then the flags. */
const tokenInfoBytes = 208;
const tokenInfo: Readonly<Record<TokenAttribute, readonly [start: number, end: number]>> = {
  token: [0, 32],
  manufacturer: [32, 64],
  model: [64, 80],
  serial: [80, 96],
};
const flagsOffset = 96;
const flagFinalTry = 0x20000n;
const flagLocked = 0x40000n;

/** Runs `use` in a session of its own with the user logged in. Errors: CH5216 (token), CH5217 (PIN), CH5218. */
export async function withSession<T>(
  module: Pkcs11Module,
  uri: Pkcs11Uri,
  use: (session: bigint) => Promise<T>,
): Promise<T> {
  const slot = await slotOf(module, uri);
  const handle = Buffer.alloc(wordBytes);
  await module.call('C_OpenSession', slot, sessionReadWrite, null, null, handle);
  const session = handle.readBigUInt64LE();
  try {
    await login(module, slot, session, uri.pinFile);
    return await use(session);
  } finally {
    // The last session of a token takes its login with it.
    await module.try('C_CloseSession', session);
  }
}

async function slotOf(module: Pkcs11Module, { token }: Pkcs11Uri): Promise<bigint> {
  const slots = Buffer.alloc(slotsMax * wordBytes);
  const count = Buffer.alloc(wordBytes);
  count.writeBigUInt64LE(BigInt(slotsMax));
  const withToken = 1;
  await module.call('C_GetSlotList', withToken, slots, count);
  const fitting: bigint[] = [];
  const seen: string[] = [];
  for (let index = 0; index < Number(count.readBigUInt64LE()); index += 1) {
    const slot = slots.readBigUInt64LE(index * wordBytes);
    const info = await infoOf(module, slot);
    const fits = Object.entries(token).every(
      ([name, value]) => textOf(info, name as TokenAttribute) === value,
    );
    if (fits) fitting.push(slot);
    seen.push(textOf(info, 'token'));
  }
  const [slot, ...more] = fitting;
  if (slot !== undefined && more.length === 0) return slot;
  const wanted = Object.entries(token).map(([name, value]) => `${name}=${value}`);
  const problem = slot === undefined ? 'no token' : `${fitting.length} tokens`;
  throw notThere(
    `${problem} with ${wanted.join(', ')}`,
    `tokens: ${seen.map((label) => `"${label}"`).join(', ') || 'none'}`,
  );
}

async function infoOf(module: Pkcs11Module, slot: bigint): Promise<Buffer> {
  const info = Buffer.alloc(tokenInfoBytes);
  await module.call('C_GetTokenInfo', slot, info);
  return info;
}

function textOf(info: Buffer, name: TokenAttribute): string {
  const [start, end] = tokenInfo[name];
  return info.toString('utf8', start, end).trimEnd();
}

async function login(
  module: Pkcs11Module,
  slot: bigint,
  session: bigint,
  pinFile: string,
): Promise<void> {
  const refusal = refusalOf((await infoOf(module, slot)).readBigUInt64LE(flagsOffset));
  if (refusal !== undefined) throw pinProblem(refusal);
  const pin = Buffer.from(readPin(pinFile), 'utf8');
  const value = await module.try('C_Login', session, userTypeUser, pin, pin.length);
  pin.fill(0);
  if (value !== 0 && value !== userAlreadyLoggedIn) throw tokenFailed(pinFile, 'C_Login', value);
}

/** A supervisor starts the control plane again and again: with a wrong PIN it would lock the token for everybody. */
export function refusalOf(flags: bigint): string | undefined {
  if ((flags & flagLocked) !== 0n) return 'it is locked';
  if ((flags & flagFinalTry) !== 0n) return 'one try is left, and it is kept for a person';
  return undefined;
}

function readPin(path: string): string {
  try {
    return readSecretFile(path).replace(/\r?\n$/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw pinProblem(`there is no file "${path}"`);
  }
}

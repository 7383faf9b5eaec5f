import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { OperatorRole } from '../model/types.ts';

/** 256 bits; the prefix is for people and for scanners that look for leaked secrets. */
const secretBytes = 32;
const prefix = 'chancery-api';
const kind = 'api-token';
const form = /^chancery-api\.([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\.([A-Za-z0-9_-]{43})$/;

/** Of a token only this is kept, under its name. */
interface ApiToken {
  readonly name: string;
  readonly role: OperatorRole;
  readonly madeMs: number;
  readonly endsMs: number;
  readonly by: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
}

/** What tokens need of a store. */
interface ApiTokenStore {
  get(kind: string, id: string): Promise<StoredToken | undefined>;
  list(kind: string): Promise<readonly StoredToken[]>;
  put(kind: string, id: string, value: Uint8Array, ifVersion: number): Promise<number | undefined>;
  remove(kind: string, id: string): Promise<boolean>;
}

interface StoredToken {
  readonly version: number;
  readonly value: Uint8Array;
}

/** Makes a token; it is shown once. Undefined: the name is taken by one that has not ended. */
export async function createApiToken(
  parts: { readonly store: ApiTokenStore; readonly random: Random; readonly nowMs: number },
  given: Pick<ApiToken, 'name' | 'role' | 'endsMs' | 'by'>,
): Promise<string | undefined> {
  const { store, random, nowMs } = parts;
  const found = await store.get(kind, given.name);
  if (found !== undefined && nowMs < read(found).endsMs) return undefined;
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  const token: ApiToken = { ...given, madeMs: nowMs, hash: hashOf(secret).toString('hex') };
  const value = Buffer.from(JSON.stringify(token));
  const version = await store.put(kind, given.name, value, found?.version ?? 0);
  return version === undefined ? undefined : `${prefix}.${given.name}.${secret}`;
}

/** By name; those that have ended too. */
export async function apiTokens(store: Pick<ApiTokenStore, 'list'>): Promise<readonly ApiToken[]> {
  return (await store.list(kind)).map(read);
}

/** From the next call on it is nobody's. False: there is none of that name. */
export function revokeApiToken(store: ApiTokenStore, name: string): Promise<boolean> {
  return store.remove(kind, name);
}

/** Who shows a token. It is read each time: that is what makes a revocation hold at once, on every replica. */
export async function findApiToken(
  store: Pick<ApiTokenStore, 'get'>,
  token: string,
  nowMs: number,
): Promise<Result<ApiToken, string>> {
  const [, name = '', , secret = ''] = form.exec(token) ?? [];
  if (name === '') return err('what came as a token is none');
  const stored = await store.get(kind, name);
  // One text for both: which names there are is nobody's business.
  if (stored === undefined) return err(notKnown);
  const found = read(stored);
  if (!timingSafeEqual(Buffer.from(found.hash, 'hex'), hashOf(secret))) return err(notKnown);
  if (nowMs >= found.endsMs) {
    return err(`the token "${name}" ended at ${new Date(found.endsMs).toISOString()}`);
  }
  return ok(found);
}

const notKnown = 'the token is not known here, or was revoked';

function read({ value }: StoredToken): ApiToken {
  return JSON.parse(Buffer.from(value).toString('utf8')) as ApiToken;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

import { createHash } from 'node:crypto';
import type { Random } from '../../base/random.ts';
import type { HostName } from '../../model/types.ts';
import type { AuthorityStore } from '../ca-store.ts';
import {
  type AttestationRequest,
  type AttestationStep,
  type HostAttestor,
  refused,
} from './attestor.ts';
import { hostKey } from './host-record.ts';

export const joinTokenMethod = 'join_token';

/** 256 bits; the prefix is for people and for scanners that look for leaked secrets. */
const tokenBytes = 32;
const tokenPrefix = 'chancery-join-';
const tokenKind = 'join-token';

/** Of a token only this is stored, under its hash. */
interface StoredToken {
  readonly host: HostName;
  readonly madeMs: number;
  readonly endsMs: number;
  readonly by: string;
  /** It is for a machine that takes the place of the one that has the name now. */
  readonly replaces: boolean;
  /** The first key that came with it; nobody else's is taken. */
  readonly usedBy: string | undefined;
}

type TokenStore = Pick<AuthorityStore, 'get' | 'put'>;

/** Makes a token for one machine. It is shown once and stored nowhere. */
export async function createJoinToken(
  parts: { readonly store: TokenStore; readonly random: Random },
  given: Pick<StoredToken, 'host' | 'madeMs' | 'endsMs' | 'by' | 'replaces'>,
): Promise<string> {
  const secret = Buffer.from(parts.random.bytes(tokenBytes)).toString('base64url');
  const token = `${tokenPrefix}${secret}`;
  await write(parts.store, hashOf(token), { ...given, usedBy: undefined }, 0);
  return token;
}

/** Whether what a host was admitted by says that it takes another one's place. */
export async function tokenReplaces(store: TokenStore, anchor: string): Promise<boolean> {
  const found = await read(store, anchor.slice(anchorPrefix.length));
  return anchor.startsWith(anchorPrefix) && found?.token.replaces === true;
}

const anchorPrefix = 'token:';

/**
 * A token admits the machine that shows it first, by the key that it comes with; the same key may come again, because the
 * answer may have been lost on its way.
 */
export function joinTokenAttestor(store: TokenStore): HostAttestor {
  return { method: joinTokenMethod, begin: (request) => begin(store, request) };
}

async function begin(store: TokenStore, request: AttestationRequest): Promise<AttestationStep> {
  const token = (request.evidence as { token?: unknown } | null)?.token;
  if (typeof token !== 'string' || !token.startsWith(tokenPrefix))
    return refused('that is no join token');
  const hash = hashOf(token);
  const key = hostKey(request.publicKeySpki);
  // Twice: another replica may have bound it between reading and writing.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const found = await read(store, hash);
    if (found === undefined) return refused('the join token is not known here');
    const { token: stored, version } = found;
    const { host, endsMs, usedBy } = stored;
    if (request.nowMs > endsMs) {
      return refused(`the join token for ${host} ended at ${new Date(endsMs).toISOString()}`);
    }
    if (usedBy !== undefined && usedBy !== key) {
      return refused(`the join token for ${host} was used already, by another key`);
    }
    const proven = { name: host, anchor: `${anchorPrefix}${hash}`, selectors: [] };
    if (usedBy === key) return { kind: 'proven', proof: proven };
    if (await write(store, hash, { ...stored, usedBy: key }, version)) {
      return { kind: 'proven', proof: proven };
    }
  }
  return refused('the join token is being used by two machines at once');
}

async function read(
  store: TokenStore,
  hash: string,
): Promise<{ readonly token: StoredToken; readonly version: number } | undefined> {
  const found = await store.get(tokenKind, hash);
  if (found === undefined) return undefined;
  const token = JSON.parse(Buffer.from(found.value).toString('utf8')) as StoredToken;
  return { token, version: found.version };
}

async function write(
  store: TokenStore,
  hash: string,
  token: StoredToken,
  ifVersion: number,
): Promise<boolean> {
  const value = Buffer.from(JSON.stringify(token));
  return (await store.put(tokenKind, hash, value, ifVersion)) !== undefined;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

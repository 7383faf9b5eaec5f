import { ChanceryError } from '../base/error.ts';
import type { LedgerKind } from '../base/ledger.ts';
import type { Random } from '../base/random.ts';
import type { CaLifetimes, TrustDomain } from '../model/types.ts';
import { privateKeyFromPkcs8 } from './ca.ts';
import {
  type CaGeneration,
  caOf,
  createGeneration,
  type GenerationParts,
  generationBelow,
  openGeneration,
  type StoredGeneration,
  storedGeneration,
} from './ca-generation.ts';
import { openRequest, type StoredRequest, storedRequest } from './ca-request.ts';
import { openEnvelope, sealEnvelope, sealedUnder } from './envelope.ts';
import type { KeyEncryption } from './key-encryption.ts';
import type { RootLink } from './root-link.ts';
import type { CaState, Rotation } from './rotation.ts';
import type { OpenError } from './seal.ts';

/** What the authority needs of a store: sealed values, replaced whole, and a record of what it issued. */
export interface AuthorityStore {
  get(
    kind: string,
    id: string,
  ): Promise<{ readonly version: number; readonly value: Uint8Array } | undefined>;
  /** Undefined when `ifVersion` (0: none) is not what is there: another replica was first. */
  put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined>;
  record(entry: {
    readonly atMs: number;
    readonly kind: LedgerKind;
    readonly subject: string;
    readonly facts: Readonly<Record<string, string | number>>;
  }): void;
  /** Newest first. */
  ledger(query: {
    readonly kind: string;
    readonly limit: number;
  }): Promise<readonly { readonly facts: Readonly<Record<string, string | number>> }[]>;
  /** Resolves when everything recorded so far is durable. */
  flush(): Promise<void>;
}

/** The CA's state as it lies in the store: sealed, and written over only by whoever read the version before. */
export interface StoredCa {
  readonly state: CaState;
  readonly version: number;
}

interface CaStoreParts {
  readonly store: AuthorityStore;
  readonly kek: KeyEncryption;
  readonly trustDomain: TrustDomain;
  readonly random: Random;
}

export const sealedKind = 'sealed';
const stateName = 'ca/state';
export const caStateId = stateName;
/** The single root of the first versions; it becomes the first generation. */
const rootName = 'ca/root';

interface StoredState {
  readonly trustDomain: TrustDomain;
  readonly sequence: number;
  readonly driven: 'auto' | 'hand';
  readonly active: StoredGeneration;
  readonly rotation:
    | { readonly kind: 'none' }
    | {
        readonly kind: 'prepared' | 'activated' | 'tainted';
        readonly other: StoredGeneration;
        readonly sinceMs: number;
      };
  /** Not in states that were written before there were any. */
  readonly request?: StoredRequest;
  readonly rootLinks?: readonly RootLink[];
}

interface NewCaParts {
  readonly nowMs: number;
  readonly lifetimes: CaLifetimes;
  /** The first generation of a mesh whose CA is the company's; a root of our own when left out. */
  readonly first?: (() => Promise<CaGeneration>) | undefined;
}

/** Opens the CA of the store, or makes one: its keys are durable before the first certificate is signed with them. */
export async function openCa(parts: CaStoreParts, made: NewCaParts): Promise<StoredCa> {
  const present = await readCa(parts);
  if (present !== undefined) return present;
  const given = { ...parts, nowMs: made.nowMs, lifetimes: made.lifetimes };
  const active = (await adoptedRoot(given)) ?? (await made.first?.()) ?? createGeneration(given);
  const { trustDomain } = parts;
  const state: CaState = {
    ...{ trustDomain, sequence: 1, active },
    rotation: { kind: 'none' },
    driven: 'hand',
    request: undefined,
    rootLinks: [],
  };
  const version = await writeCa(parts, state, 0);
  if (version !== undefined) return { state, version };
  const other = await readCa(parts);
  if (other === undefined) throw new Error('the store lost the CA it had a moment ago');
  return other;
}

export async function readCa(parts: CaStoreParts): Promise<StoredCa | undefined> {
  const { store, trustDomain } = parts;
  const stored = await store.get('sealed', stateName);
  if (stored === undefined) return undefined;
  const value = (await unsealed(parts, stored.value, stateName)) as StoredState;
  if (value.trustDomain !== trustDomain) throw otherTrustDomain(value.trustDomain, trustDomain);
  const active = openGeneration(trustDomain, value.active);
  const { sequence, driven, rootLinks = [] } = value;
  const rotation = openRotation(trustDomain, value.rotation);
  const request = value.request === undefined ? undefined : openRequest(value.request);
  const state = { trustDomain, sequence, active, rotation, driven, request, rootLinks };
  return { state, version: stored.version };
}

/** Durable when it resolves; undefined when another was first. */
export async function writeCa(
  { store, kek, random }: CaStoreParts,
  state: CaState,
  ifVersion: number,
): Promise<number | undefined> {
  const { trustDomain, sequence, driven, active, rotation, request, rootLinks } = state;
  const value: StoredState = {
    trustDomain,
    sequence,
    driven,
    active: storedGeneration(active),
    rotation: storedRotation(rotation),
    ...(request === undefined ? {} : { request: storedRequest(request) }),
    rootLinks,
  };
  const plain = Buffer.from(JSON.stringify(value));
  const sealed = await sealEnvelope(kek, plain, stateName, random);
  return store.put('sealed', stateName, sealed, ifVersion);
}

function storedRotation(rotation: Rotation): StoredState['rotation'] {
  if (rotation.kind === 'none') return rotation;
  const { kind, sinceMs } = rotation;
  const other = rotation.kind === 'prepared' ? rotation.next : rotation.old;
  return { kind, sinceMs, other: storedGeneration(other) };
}

function openRotation(trustDomain: TrustDomain, stored: StoredState['rotation']): Rotation {
  if (stored.kind === 'none') return stored;
  const other = openGeneration(trustDomain, stored.other);
  const { kind, sinceMs } = stored;
  return kind === 'prepared' ? { kind, sinceMs, next: other } : { kind, sinceMs, old: other };
}

async function adoptedRoot(
  parts: CaStoreParts & GenerationParts,
): Promise<CaGeneration | undefined> {
  const stored = await parts.store.get('sealed', rootName);
  if (stored === undefined) return undefined;
  const root = (await unsealed(parts, stored.value, rootName)) as {
    readonly trustDomain: TrustDomain;
    readonly certificate: string;
    readonly key: string;
  };
  if (root.trustDomain !== parts.trustDomain) {
    throw otherTrustDomain(root.trustDomain, parts.trustDomain);
  }
  const key = privateKeyFromPkcs8(Buffer.from(root.key, 'base64'));
  const certificate = Buffer.from(root.certificate, 'base64');
  return generationBelow(caOf(root.trustDomain, certificate, key, []), parts);
}

async function unsealed({ kek }: CaStoreParts, sealed: Uint8Array, name: string): Promise<unknown> {
  const opened = await openEnvelope(kek, sealed, name);
  if (opened.ok) return JSON.parse(Buffer.from(opened.value).toString('utf8'));
  throw doesNotOpen(kek, sealed, opened.error);
}

export function doesNotOpen(
  kek: KeyEncryption,
  sealed: Uint8Array,
  problem: OpenError,
): ChanceryError {
  return new ChanceryError({
    code: problem === 'the passphrase is another one' ? 'CH5214' : 'CH3001',
    message: `the CA key in the store does not open: ${problem}`,
    expected: `what it was sealed under: ${sealedUnder(sealed) ?? 'not readable'}`,
    found: kek.id,
    help: 'give the key-encryption key that the store was made with, by --kek or CHANCERY_KEK; without it the CA is lost',
  });
}

function otherTrustDomain(found: TrustDomain, wanted: TrustDomain): ChanceryError {
  return new ChanceryError({
    code: 'CH3002',
    message: `the store belongs to the trust domain "${found}", the intent says "${wanted}"`,
    expected: found,
    found: wanted,
    help: 'set trust_domain in mesh.yaml back, or give the new mesh a store of its own',
  });
}

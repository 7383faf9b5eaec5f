import { createHash } from 'node:crypto';
import { type BundleDocument, readBundleDocument } from '../../identity/bundle-read.ts';
import type { TrustDomain, TrustPeer } from '../../model/types.ts';
import type { Store } from '../../store/store.ts';

/** A peer's bundle as it is used: from its last good fetch, or the one in mesh.yaml that it begins with. */
export interface HeldBundle {
  readonly source: 'seed' | 'fetched';
  /** When the endpoint last gave it; after a restart, when it gave it first. Undefined for a seed. */
  readonly fetchedMs: number | undefined;
  readonly document: BundleDocument;
  /** As it was published. */
  readonly text: string;
}

export type PeerStore = Pick<Store, 'get' | 'put' | 'list' | 'remove'>;

export const peerKind = 'peer-bundle';

interface StoredBundle {
  /** Hash of the seed that it came after. */
  readonly seed: string | null;
  readonly document: string;
  readonly fetchedMs: number;
}

/**
 * What the store keeps of a peer. Nothing when mesh.yaml has another seed than the one it came after: then a person has said
 * what the bundle is, and that is the latest until the next fetch (SPIFFE Federation section 4.2). Who takes the seed out
 * says nothing.
 */
export async function readHeld(store: PeerStore, peer: TrustPeer): Promise<HeldBundle | undefined> {
  const stored = await store.get(peerKind, peer.trustDomain);
  if (stored === undefined) return undefined;
  const value = JSON.parse(Buffer.from(stored.value).toString('utf8')) as StoredBundle;
  if (peer.bundle !== undefined && value.seed !== seedHash(peer)) return undefined;
  const { document: text, fetchedMs } = value;
  const document = readBundleDocument(Buffer.from(text), peer.trustDomain);
  return document.ok ? { source: 'fetched', fetchedMs, document: document.value, text } : undefined;
}

/** Durable when it resolves. */
export async function writeHeld(
  store: PeerStore,
  peer: TrustPeer,
  { text, fetchedMs }: { readonly text: string; readonly fetchedMs: number },
): Promise<void> {
  const value: StoredBundle = { seed: seedHash(peer), document: text, fetchedMs };
  await store.put(peerKind, peer.trustDomain, Buffer.from(JSON.stringify(value)), undefined);
}

/** Forgets the bundles of all that are no peers. */
export async function forgetOthers(
  store: PeerStore,
  peers: ReadonlyMap<TrustDomain, TrustPeer>,
): Promise<void> {
  for (const { id } of await store.list(peerKind)) {
    if (!peers.has(id as TrustDomain)) await store.remove(peerKind, id);
  }
}

/** Of its content: how the text is laid out is no change. */
function seedHash({ bundle }: TrustPeer): string | null {
  if (bundle === undefined) return null;
  const content = JSON.stringify(JSON.parse(bundle));
  return createHash('sha256').update(content).digest('hex');
}

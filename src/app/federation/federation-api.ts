import type { Authority } from '../../identity/authority.ts';
import { bundleDocument } from '../../identity/bundle-document.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import {
  type FederationRefreshRequest,
  type FederationReply,
  paths,
} from '../../serve/api/wire.ts';
import { type BundleEndpoint, refreshHintSeconds } from './bundle-endpoint.ts';
import type { Federation } from './federation.ts';

export interface FederationApiParts {
  readonly authority: Authority;
  readonly federation: Federation;
  /** Where partners read the mesh's own bundle, if anywhere. */
  readonly endpoint: BundleEndpoint | undefined;
}

/** Undefined when the request is about something else. */
export async function federationApi(
  parts: FederationApiParts,
  request: ApiRequest,
): Promise<ApiReply | undefined> {
  const { method, path } = request;
  if (method === 'GET' && path === paths.federation) {
    return { kind: 'json', body: federationReply(parts) };
  }
  return method === 'POST' && path === paths.federationRefresh
    ? refreshPeer(parts, request)
    : undefined;
}

export function federationReply({
  authority,
  federation,
  endpoint,
}: FederationApiParts): FederationReply {
  const { bundle } = authority.news;
  return {
    trustDomain: authority.trustDomain,
    document: bundleDocument(bundle, { refreshHintSeconds }),
    sequence: bundle.sequence,
    endpoint: endpoint?.reply,
    peers: federation.replies,
  };
}

async function refreshPeer(
  { federation }: FederationApiParts,
  request: ApiRequest,
): Promise<ApiReply> {
  const { trustDomain } = (request.body ?? {}) as Partial<FederationRefreshRequest>;
  const reply = await federation.refresh(String(trustDomain));
  if (reply !== undefined) return { kind: 'json', body: reply };
  const known = federation.replies.map((peer) => peer.trustDomain);
  return refused(404, {
    code: 'CH3206',
    message: `"${String(trustDomain)}" is no peer of this mesh`,
    expected: known.length === 0 ? 'a trust domain in `peers` of mesh.yaml' : known.join(', '),
  });
}

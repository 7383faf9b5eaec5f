import type { HostAttestor } from '../../identity/hosts/attestor.ts';
import {
  type ApiHandler,
  type ApiReply,
  type ApiRequest,
  refused,
} from '../../serve/api/server.ts';
import {
  type AttestAnswer,
  type AttestRequest,
  type BundleReply,
  paths,
} from '../../serve/api/wire.ts';
import { issueJwtSvid, issueSvids } from '../identity-api.ts';
import type { HostApiParts, HostCall } from './host-call.ts';
import { watch } from './watch.ts';

/**
 * What hosts may ask. Joining needs no certificate; everything else is done for the host that the certificate names, never
 * for one that the request names.
 */
export function hostApi(
  parts: HostApiParts,
  attestors: () => ReadonlyMap<string, HostAttestor>,
): ApiHandler {
  return async (request) => {
    const { method, path } = request;
    if (parts.watches.refusal !== undefined) return parts.watches.refusal;
    if (method === 'GET' && path === paths.bundle) return bundle(parts);
    const joining = await join(parts, attestors, request);
    if (joining !== undefined) return joining;
    const call = await hostCall(parts, request);
    if (call.kind === 'refused') return call.reply;
    parts.watches.heard(call.call.record.name);
    return served(parts, call.call);
  };
}

/** Undefined when the request is about something else. */
export async function join(
  { admissions }: Pick<HostApiParts, 'admissions'>,
  attestors: () => ReadonlyMap<string, HostAttestor>,
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method !== 'POST') return undefined;
  if (path === paths.attest) return admissions.begin(attestors(), body as AttestRequest);
  if (path === paths.attestAnswer) return admissions.answer(body as AttestAnswer);
  return undefined;
}

function bundle({ authority }: HostApiParts): ApiReply {
  const { trustDomain, x509Roots } = authority.news.bundle;
  const { rootLinks } = authority.state;
  const body: BundleReply = { trustDomain, x509Roots, rootLinks };
  return { kind: 'json', body };
}

async function hostCall(
  { registry, clock }: HostApiParts,
  request: ApiRequest,
): Promise<
  | { readonly kind: 'host'; readonly call: HostCall }
  | { readonly kind: 'refused'; readonly reply: ApiReply }
> {
  const { peer } = request;
  if (peer.kind !== 'host') {
    const reason = peer.kind === 'anonymous' ? peer.reason : 'an operator is no host';
    return { kind: 'refused', reply: notAHost(reason) };
  }
  const { host, key, notAfterMs } = peer;
  // A connection outlives its handshake.
  if (notAfterMs <= clock.nowMs()) {
    return { kind: 'refused', reply: notAHost('the certificate of this host has ended') };
  }
  const record = await registry.use(host, key);
  return record.ok
    ? { kind: 'host', call: { record: record.value, key, notAfterMs, request } }
    : { kind: 'refused', reply: refused(401, record.error) };
}

function notAHost(reason: string): ApiReply {
  return refused(401, {
    code: 'CH3107',
    message: `only a host of the mesh may ask this: ${reason}`,
  });
}

async function served(parts: HostApiParts, call: HostCall): Promise<ApiReply> {
  const { request, record, key } = call;
  const { method, path } = request;
  if (method === 'GET' && path === paths.watch) return watch(parts, call);
  if (method === 'POST' && path === paths.svids) return issueSvids(parts, call);
  if (method === 'POST' && path === paths.jwtSvids) return issueJwtSvid(parts, call);
  if (method === 'POST' && path === paths.renew) {
    return parts.admissions.renew(record.name, key, request.body);
  }
  if (method === 'PUT' && path === paths.report) return parts.reports.take(record, request.body);
  return refused(404, { code: 'CH5405', message: `there is no ${method} ${path}` });
}

import type { Clock } from '../../base/clock.ts';
import { jwtBundleDocument } from '../../identity/bundle-document.ts';
import { type JwtSvidClaims, verifyJwtSvid } from '../../identity/jwt-svid.ts';
import { parseSpiffeId, trustDomainOf } from '../../identity/spiffe-id.ts';
import { hasRoots, type Trust, type TrustBundle } from '../../identity/trust.ts';
import type { CallStream } from '../grpc/call.ts';
import { decode, encode } from '../grpc/message.ts';
import type { Method } from '../grpc/method.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import {
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  x509BundlesResponse,
  x509SvidResponse,
} from './messages.ts';
import type { WorkloadSource, WorkloadView } from './source.ts';
import { onceView, requireSecurityHeader, streamViews } from './stream.ts';
import { encodeStruct } from './struct.ts';

/** The service has no package (rule W54). */
const service = '/SpiffeWorkloadAPI/';

/** The SPIFFE Workload API. WIT-SVIDs are not issued: their calls end with Unimplemented, as every unknown one. */
export function workloadApiMethods(options: {
  readonly source: WorkloadSource;
  readonly clock: Clock;
}): readonly Method[] {
  const { source, clock } = options;
  const stream = (name: string, encode: (view: WorkloadView) => Uint8Array): Method => ({
    kind: 'server-stream',
    path: `${service}${name}`,
    handle: (_request, call) => {
      requireSecurityHeader(call);
      return streamViews(call, source, encode);
    },
  });
  const unary = (
    name: string,
    handle: (request: Uint8Array, call: CallStream) => Promise<Uint8Array>,
  ): Method => ({
    kind: 'unary',
    path: `${service}${name}`,
    handle: (request, call) => {
      requireSecurityHeader(call);
      return handle(request, call);
    },
  });
  return [
    stream('FetchX509SVID', x509Svids),
    stream('FetchX509Bundles', x509Bundles),
    stream('FetchJWTBundles', jwtBundles),
    unary('FetchJWTSVID', (request, call) => fetchJwtSvid(source, request, call)),
    unary('ValidateJWTSVID', (request, call) => validateJwtSvid(source, clock, request, call)),
  ];
}

/** Rule W56. */
function x509Svids({ svids, trust }: WorkloadView): Uint8Array {
  const bundle = rootsOf(trust.own);
  return encode(x509SvidResponse, {
    svids: svids.map(({ spiffeId, chainDer, privateKeyPkcs8, hint }) => ({
      spiffeId,
      x509Svid: Buffer.concat([...chainDer]),
      x509SvidKey: privateKeyPkcs8,
      bundle,
      hint,
    })),
    federatedBundles: bundlesOf(trust.federated.filter(hasRoots), rootsOf),
  });
}

/** Rule W61: the caller's own trust domain is among them. */
function x509Bundles({ trust }: WorkloadView): Uint8Array {
  return encode(x509BundlesResponse, {
    bundles: bundlesOf([trust.own, ...trust.federated.filter(hasRoots)], rootsOf),
  });
}

/** Rule W63. */
function jwtBundles({ trust }: WorkloadView): Uint8Array {
  return encode(jwtBundlesResponse, {
    bundles: bundlesOf([trust.own, ...trust.federated], (bundle) =>
      Buffer.from(jwtBundleDocument(bundle)),
    ),
  });
}

const audiencesMax = 16;
/** The control plane takes no longer one; a client must hear that it never will. */
const audienceBytesMax = 1_024;

/** Rule W62. */
async function fetchJwtSvid(
  source: WorkloadSource,
  request: Uint8Array,
  call: CallStream,
): Promise<Uint8Array> {
  const { audience, spiffeId } = decode(jwtSvidRequest, request);
  if (audience.length === 0 || audience.includes('')) throw invalid('audience must be specified');
  if (audience.length > audiencesMax) throw invalid(`at most ${audiencesMax} audiences`);
  if (audience.some((one) => Buffer.byteLength(one) > audienceBytesMax)) {
    throw invalid(`an audience has at most ${audienceBytesMax} bytes`);
  }
  const id = spiffeId === '' ? undefined : parseSpiffeId(spiffeId);
  if (id !== undefined && !id.ok) throw invalid(`requested SPIFFE ID is invalid: ${id.error}`);
  const fetched = await source.fetchJwt(call.peer, { audience, spiffeId: id?.value });
  if (!fetched.ok) throw fetched.error;
  const svids = fetched.value.map(({ spiffeId, token, hint }) => ({ spiffeId, svid: token, hint }));
  return encode(jwtSvidResponse, { svids });
}

/** Rule W64: whoever is in the mesh may ask; a token that does not hold is InvalidArgument. */
async function validateJwtSvid(
  source: WorkloadSource,
  clock: Clock,
  request: Uint8Array,
  call: CallStream,
): Promise<Uint8Array> {
  const { audience, svid } = decode(validateJwtSvidRequest, request);
  if (audience === '') throw invalid('audience must be specified');
  if (svid === '') throw invalid('svid must be specified');
  const { trust } = await onceView(call, source);
  const bundles = [trust.own, ...trust.federated];
  const verified = verifyJwtSvid({ token: svid, audience, nowMs: clock.nowMs(), bundles });
  if (!verified.ok) throw invalid(verified.error);
  const claims = encodeStruct(claimsOf(verified.value, trust));
  return encode(validateJwtSvidResponse, { spiffeId: verified.value.spiffeId, claims });
}

/** Those of RFC 7519, whose meaning does not depend on who issued the token. */
const registeredClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/** Another trust domain must not make a workload believe something by a claim that has a meaning in this one only. */
function claimsOf(
  { spiffeId, claims, audience }: JwtSvidClaims,
  trust: Trust,
): Readonly<Record<string, unknown>> {
  const isOwn = trustDomainOf(spiffeId) === trust.own.trustDomain;
  const taken = Object.entries(claims).filter(([name]) => isOwn || registeredClaims.includes(name));
  return Object.fromEntries([...taken, ['aud', audience]]);
}

function invalid(message: string): GrpcError {
  return new GrpcError(grpcStatus.invalidArgument, message);
}

function rootsOf(bundle: TrustBundle): Uint8Array {
  return Buffer.concat(bundle.x509Roots.map((root) => Buffer.from(root, 'base64')));
}

function bundlesOf(
  bundles: Trust['federated'],
  encode: (bundle: TrustBundle) => Uint8Array,
): ReadonlyMap<string, Uint8Array> {
  return new Map(bundles.map((bundle) => [`spiffe://${bundle.trustDomain}`, encode(bundle)]));
}

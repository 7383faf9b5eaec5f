import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../base/clock.ts';
import {
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
  X509BundlesResponseSchema,
  X509SVIDResponseSchema,
} from '../../gen/spiffe/workload_pb.js';
import { jwtBundleDocument } from '../../identity/bundle-document.ts';
import { verifyJwtSvid } from '../../identity/jwt-svid.ts';
import { parseSpiffeId } from '../../identity/spiffe-id.ts';
import { hasRoots, type Trust, type TrustBundle } from '../../identity/trust.ts';
import type { CallStream } from '../grpc/call.ts';
import type { Method } from '../grpc/method.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import type { WorkloadSource, WorkloadView } from './source.ts';
import { onceView, requireSecurityHeader, streamViews } from './stream.ts';

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
  return toBinary(
    X509SVIDResponseSchema,
    create(X509SVIDResponseSchema, {
      svids: svids.map(({ spiffeId, chainDer, privateKeyPkcs8, hint }) => ({
        spiffeId,
        x509Svid: Buffer.concat([...chainDer]),
        x509SvidKey: privateKeyPkcs8,
        bundle,
        hint,
      })),
      federatedBundles: bundlesOf(trust.federated.filter(hasRoots), rootsOf),
    }),
  );
}

/** Rule W61: the caller's own trust domain is among them. */
function x509Bundles({ trust }: WorkloadView): Uint8Array {
  const bundles = bundlesOf([trust.own, ...trust.federated.filter(hasRoots)], rootsOf);
  return toBinary(X509BundlesResponseSchema, create(X509BundlesResponseSchema, { bundles }));
}

/** Rule W63. */
function jwtBundles({ trust }: WorkloadView): Uint8Array {
  const bundles = bundlesOf([trust.own, ...trust.federated], (bundle) =>
    Buffer.from(jwtBundleDocument(bundle)),
  );
  return toBinary(JWTBundlesResponseSchema, create(JWTBundlesResponseSchema, { bundles }));
}

const audiencesMax = 16;

/** Rule W62. */
async function fetchJwtSvid(
  source: WorkloadSource,
  request: Uint8Array,
  call: CallStream,
): Promise<Uint8Array> {
  const { audience, spiffeId } = fromBinary(JWTSVIDRequestSchema, request);
  if (audience.length === 0 || audience.includes('')) throw invalid('audience must be specified');
  if (audience.length > audiencesMax) throw invalid(`at most ${audiencesMax} audiences`);
  const id = spiffeId === '' ? undefined : parseSpiffeId(spiffeId);
  if (id !== undefined && !id.ok) throw invalid(`requested SPIFFE ID is invalid: ${id.error}`);
  const fetched = await source.fetchJwt(call.peer, { audience, spiffeId: id?.value });
  if (!fetched.ok) throw fetched.error;
  const svids = fetched.value.map(({ spiffeId, token, hint }) => ({ spiffeId, svid: token, hint }));
  return toBinary(JWTSVIDResponseSchema, create(JWTSVIDResponseSchema, { svids }));
}

/** Rule W64: whoever is in the mesh may ask; a token that does not hold is InvalidArgument. */
async function validateJwtSvid(
  source: WorkloadSource,
  clock: Clock,
  request: Uint8Array,
  call: CallStream,
): Promise<Uint8Array> {
  const { audience, svid } = fromBinary(ValidateJWTSVIDRequestSchema, request);
  if (audience === '') throw invalid('audience must be specified');
  if (svid === '') throw invalid('svid must be specified');
  const { trust } = await onceView(call, source);
  const bundles = [trust.own, ...trust.federated];
  const verified = verifyJwtSvid({ token: svid, audience, nowMs: clock.nowMs(), bundles });
  if (!verified.ok) throw invalid(verified.error);
  const { spiffeId, claims } = verified.value;
  const message = create(ValidateJWTSVIDResponseSchema, {
    spiffeId,
    claims: { ...claims, aud: [...verified.value.audience] } as JsonObject,
  });
  return toBinary(ValidateJWTSVIDResponseSchema, message);
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
): { [key: string]: Uint8Array } {
  return Object.fromEntries(
    bundles.map((bundle) => [`spiffe://${bundle.trustDomain}`, encode(bundle)]),
  );
}

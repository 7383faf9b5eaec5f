import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Authority, jwtTtlSeconds } from '../identity/authority.ts';
import { type SpiffeId, workloadId } from '../identity/spiffe-id.ts';
import type { ServiceName } from '../model/types.ts';
import type { ApiReply, ApiRequest } from '../serve/api/server.ts';
import type { JwtSvidReply, JwtSvidRequest, SvidReply, SvidRequest } from '../serve/api/wire.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';

export interface IdentityApiParts {
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly store: Store;
}

/** POST /v1/svids: a certificate for a key that stays with the host. */
export async function issueSvid(
  { plane, authority, store }: IdentityApiParts,
  request: ApiRequest,
): Promise<ApiReply> {
  const { service, workload, host, csr, reason, selectors } = request.body as SvidRequest;
  const identity = identityOf(plane, service);
  if (!identity.ok) return refused(403, identity.error);
  const { spiffeId, ttlSeconds } = identity.value;
  const issued = authority.issue({
    spiffeId,
    csrDer: Buffer.from(csr, 'base64'),
    ttlSeconds,
    host,
    reason: `${reason} for ${workload}`,
    ...(selectors === undefined ? {} : { selectors }),
  });
  if (!issued.ok) {
    return refused(400, {
      code: 'CH3004',
      message: `the request for a certificate: ${issued.error}`,
    });
  }
  // No certificate leaves before the record of it is durable.
  await store.flush();
  const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issued.value;
  const serial = serialHex;
  const body: SvidReply = { spiffeId, chainPem, serial, issuerKeyId, notBeforeMs, notAfterMs };
  return { kind: 'json', body };
}

const audiencesMax = 16;
const audienceBytesMax = 1_024;

/** POST /v1/jwt-svids */
export async function issueJwtSvid(
  { plane, authority, store }: IdentityApiParts,
  request: ApiRequest,
): Promise<ApiReply> {
  const { service, host, audience } = request.body as JwtSvidRequest;
  const identity = identityOf(plane, service);
  if (!identity.ok) return refused(403, identity.error);
  if (!isAudience(audience)) {
    return refused(400, {
      code: 'CH3005',
      message: 'a token needs an audience',
      expected: `1 to ${audiencesMax} texts of at most ${audienceBytesMax} bytes`,
    });
  }
  const { spiffeId } = identity.value;
  const issued = authority.issueJwt({ spiffeId, audience, ttlSeconds: jwtTtlSeconds, host });
  await store.flush();
  const body: JwtSvidReply = { spiffeId, ...issued };
  return { kind: 'json', body };
}

function isAudience(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= audiencesMax &&
    value.every((one) => typeof one === 'string' && one !== '' && one.length <= audienceBytesMax)
  );
}

function identityOf(
  plane: ControlPlane,
  service: string,
): Result<{ readonly spiffeId: SpiffeId; readonly ttlSeconds: number }, Omit<Finding, 'severity'>> {
  const { intent } = plane;
  if (intent.kind !== 'running' || !intent.intent.services.has(service as ServiceName)) {
    const message = `no identity for "${service}": there is no such service`;
    return err({ code: 'CH3003', message });
  }
  const { trustDomain, defaults } = intent.intent.mesh;
  const spiffeId = workloadId(trustDomain, service as ServiceName);
  return ok({ spiffeId, ttlSeconds: defaults.svidTtlSeconds });
}

export function refused(status: number, finding: Omit<Finding, 'severity'>): ApiReply {
  return { kind: 'refused', status, finding: { severity: 'error', ...finding } };
}

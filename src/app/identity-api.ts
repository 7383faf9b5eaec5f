import type { Refusal } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Authority, jwtTtlSeconds } from '../identity/authority.ts';
import { type HostRecord, hostFits, hostSelectors } from '../identity/hosts/host-record.ts';
import { type SpiffeId, workloadId } from '../identity/spiffe-id.ts';
import type { ServiceName } from '../model/types.ts';
import { type ApiReply, refused } from '../serve/api/server.ts';
import type {
  JwtSvidReply,
  JwtSvidRequest,
  SvidAnswer,
  SvidRequest,
  SvidsReply,
  SvidsRequest,
} from '../serve/api/wire.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';
import type { HostCall } from './hosts/host-call.ts';

interface IdentityApiParts {
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly store: Store;
}

/** Some 30 ms of signing, in which nobody else is answered. */
const svidsPerCallMax = 100;

/** POST /v1/host/svids: certificates for keys that stay with the host, of services that it may run. */
export async function issueSvids(
  parts: IdentityApiParts,
  { record, request }: HostCall,
): Promise<ApiReply> {
  const { requests } = request.body as SvidsRequest;
  if (!Array.isArray(requests) || requests.length === 0 || requests.length > svidsPerCallMax) {
    return refused(400, {
      code: 'CH3004',
      message: 'the call holds no requests for certificates',
      expected: `1 to ${svidsPerCallMax}`,
    });
  }
  const answers = requests.map((one: SvidRequest) => answer(parts, record, one));
  // No certificate leaves before the record of it is durable.
  await parts.store.flush();
  const body: SvidsReply = { answers };
  return { kind: 'json', body };
}

function answer(parts: IdentityApiParts, record: HostRecord, request: SvidRequest): SvidAnswer {
  const { service, workload, csr, reason, selectors } = request;
  const identity = identityOf(parts.plane, record, service);
  if (!identity.ok) return refusedAnswer(identity.error);
  const { spiffeId, ttlSeconds } = identity.value;
  const issued = parts.authority.issue({
    spiffeId,
    csrDer: Buffer.from(csr, 'base64'),
    ttlSeconds,
    host: record.name,
    reason: `${reason} for ${workload}`,
    ...(selectors === undefined ? {} : { selectors }),
  });
  if (!issued.ok) return refusedAnswer(issued.error);
  const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issued.value;
  const svid = { spiffeId, chainPem, serial: serialHex, issuerKeyId, notBeforeMs, notAfterMs };
  return { kind: 'issued', svid };
}

function refusedAnswer(finding: Refusal): SvidAnswer {
  return { kind: 'refused', finding: { severity: 'error', ...finding } };
}

const audiencesMax = 16;
const audienceBytesMax = 1_024;

/** POST /v1/host/jwt-svids */
export async function issueJwtSvid(
  { plane, authority, store }: IdentityApiParts,
  { record, request }: HostCall,
): Promise<ApiReply> {
  const { service, audience } = request.body as JwtSvidRequest;
  const identity = identityOf(plane, record, service);
  if (!identity.ok) return refused(403, identity.error);
  if (!isAudience(audience)) {
    return refused(400, {
      code: 'CH3005',
      message: 'a token needs an audience',
      expected: `1 to ${audiencesMax} texts of at most ${audienceBytesMax} bytes`,
    });
  }
  const { spiffeId } = identity.value;
  const host = record.name;
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

/** What a service is called, if this host may run it. */
function identityOf(
  { intent }: ControlPlane,
  record: HostRecord,
  service: string,
): Result<{ readonly spiffeId: SpiffeId; readonly ttlSeconds: number }, Refusal> {
  const known =
    intent.kind === 'running' ? intent.intent.services.get(service as ServiceName) : undefined;
  if (intent.kind !== 'running' || known === undefined) {
    const message = `no identity for "${service}": there is no such service`;
    return err({ code: 'CH3003', message });
  }
  const { hostSelectors: wanted, at } = known.identity;
  if (!hostFits(wanted, hostSelectors(record))) {
    return err({
      code: 'CH3109',
      message: `the host ${record.name} may not have the identity of ${service}`,
      expected: wanted.map(({ kind, value }) => `${kind} ${value}`).join(', '),
      at,
    });
  }
  const { trustDomain, defaults } = intent.intent.mesh;
  const spiffeId = workloadId(trustDomain, service as ServiceName);
  return ok({ spiffeId, ttlSeconds: defaults.svidTtlSeconds });
}

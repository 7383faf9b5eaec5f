import type { Finding } from '../base/finding.ts';
import type { Workload } from '../compile/inventory.ts';
import type { Authority } from '../identity/authority.ts';
import { workloadId } from '../identity/spiffe-id.ts';
import type { ServiceName } from '../model/types.ts';
import type { ApiHandler, ApiReply, ApiRequest } from '../serve/api/server.ts';
import {
  type HostReport,
  paths,
  type StatusReply,
  type SvidReply,
  type SvidRequest,
} from '../serve/api/wire.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';

export interface ControlApiParts {
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly store: Store;
  readonly xds: XdsService;
}

/** The control API over the parts of this process. */
export function controlApi(parts: ControlApiParts): ApiHandler {
  return async (request) => {
    const { method, path } = request;
    if (method === 'GET' && path === paths.status) return { kind: 'json', body: status(parts) };
    if (method === 'GET' && path === paths.events) return events(parts);
    if (method === 'GET' && path === paths.watch) return watch(parts);
    if (method === 'POST' && path === paths.svids) return issue(parts, request);
    if (method === 'PUT' && path.startsWith(paths.hosts)) return report(parts, request);
    return refused(404, { code: 'CH5405', message: `there is no ${method} ${path}` });
  };
}

async function issue(
  { plane, authority, store }: ControlApiParts,
  request: ApiRequest,
): Promise<ApiReply> {
  const { intent } = plane;
  const { service, workload, host, csr, reason } = request.body as SvidRequest;
  if (intent.kind !== 'running' || !intent.intent.services.has(service as ServiceName)) {
    return refused(403, {
      code: 'CH3003',
      message: `no identity for "${service}": there is no such service`,
    });
  }
  const { trustDomain, defaults } = intent.intent.mesh;
  const spiffeId = workloadId(trustDomain, service as ServiceName);
  const issued = authority.issue({
    spiffeId,
    csrDer: Buffer.from(csr, 'base64'),
    ttlSeconds: defaults.svidTtlSeconds,
    host,
    reason: `${reason} for ${workload}`,
  });
  if (!issued.ok)
    return refused(400, {
      code: 'CH3004',
      message: `the request for a certificate: ${issued.error}`,
    });
  // No certificate leaves before the record of it is durable.
  await store.flush();
  const { chainPem, serialHex, notBeforeMs, notAfterMs } = issued.value;
  const body: SvidReply = { spiffeId, chainPem, serial: serialHex, notBeforeMs, notAfterMs };
  return { kind: 'json', body };
}

async function report({ plane, store }: ControlApiParts, request: ApiRequest): Promise<ApiReply> {
  const host = request.path.slice(paths.hosts.length);
  const { workloads } = request.body as HostReport;
  const own = workloads.filter((workload): workload is Workload => workload.host === host);
  // Durable first: a control plane that comes back must not forget endpoints that it told callers of.
  if (JSON.stringify(own) !== JSON.stringify(plane.inventory.filter((one) => one.host === host))) {
    const report = Buffer.from(JSON.stringify({ workloads: own }));
    await store.put('host-report', host, report, undefined);
  }
  plane.report(host, own);
  return { kind: 'json', body: {} };
}

function watch({ plane, authority }: ControlApiParts): ApiReply {
  return {
    kind: 'stream',
    open: (send) => {
      const { trustDomain, bundlePem } = authority;
      const unsubscribe = plane.subscribe((update) => send(update));
      send({ kind: 'trust', trustDomain, bundlePem });
      return unsubscribe;
    },
  };
}

function events({ plane }: ControlApiParts): ApiReply {
  return { kind: 'stream', open: (send) => plane.events.follow((event) => send(event)) };
}

function status({ plane, xds }: ControlApiParts): StatusReply {
  const { intent } = plane;
  const running = intent.kind === 'running' ? intent : undefined;
  return {
    mesh: running?.intent.mesh.name ?? '',
    trustDomain: running?.intent.mesh.trustDomain ?? '',
    commit: running?.tree.commit ?? '',
    subject: running?.tree.subject ?? '',
    refused:
      running?.refused === undefined
        ? undefined
        : {
            commit: running.refused.commit,
            codes: running.refused.findings.map((finding) => finding.code),
          },
    workloads: plane.inventory.map((workload) => {
      const { streams, converged, rejected } = xds.status(workload.id);
      return { workload, connected: streams > 0, inSync: converged, rejected };
    }),
    recent: plane.events.recent.slice(-20),
  };
}

function refused(status: number, finding: Omit<Finding, 'severity'>): ApiReply {
  return { kind: 'refused', status, finding: { severity: 'error', ...finding } };
}

import type { Clock } from '../base/clock.ts';
import type { Workload } from '../compile/inventory.ts';
import type { Authority, TrustNews } from '../identity/authority.ts';
import type { ApiHandler, ApiReply, ApiRequest } from '../serve/api/server.ts';
import { type CaStepRequest, type HostReport, paths, type StatusReply } from '../serve/api/wire.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import type { CaController } from './ca-controller.ts';
import type { Confirmations } from './confirmations.ts';
import type { ControlPlane } from './control-plane.ts';
import { issueJwtSvid, issueSvid, refused } from './identity-api.ts';

export interface ControlApiParts {
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly store: Store;
  readonly xds: XdsService;
  readonly ca: CaController;
  readonly confirmations: Confirmations;
  readonly clock: Clock;
}

/** The control API over the parts of this process. */
export function controlApi(parts: ControlApiParts): ApiHandler {
  return async (request) => {
    const { method, path } = request;
    if (method === 'GET' && path === paths.status) return { kind: 'json', body: status(parts) };
    if (method === 'GET' && path === paths.events) return events(parts);
    if (method === 'GET' && path === paths.watch) return watch(parts);
    if (method === 'POST' && path === paths.svids) return issueSvid(parts, request);
    if (method === 'POST' && path === paths.jwtSvids) return issueJwtSvid(parts, request);
    if (method === 'GET' && path === paths.ca) return { kind: 'json', body: parts.ca.reply };
    if (method === 'POST' && path === paths.caSteps) return caStep(parts, request);
    if (method === 'PUT' && path.startsWith(paths.hosts)) return report(parts, request);
    return refused(404, { code: 'CH5405', message: `there is no ${method} ${path}` });
  };
}

async function caStep({ ca }: ControlApiParts, request: ApiRequest): Promise<ApiReply> {
  const result = await ca.step(request.body as CaStepRequest);
  if (result.ok) return { kind: 'json', body: ca.reply };
  return refused(409, { code: 'CH3010', message: result.error });
}

async function report(parts: ControlApiParts, request: ApiRequest): Promise<ApiReply> {
  const { plane, store, confirmations, clock } = parts;
  const host = request.path.slice(paths.hosts.length);
  const { workloads } = request.body as HostReport;
  const own = workloads.filter((workload): workload is Workload => workload.host === host);
  // Durable first: a control plane that comes back must not forget endpoints that it told callers of.
  if (JSON.stringify(own) !== JSON.stringify(plane.inventory.filter((one) => one.host === host))) {
    const document = Buffer.from(JSON.stringify({ workloads: own }));
    await store.put('host-report', host, document, undefined);
  }
  plane.report(host, own);
  confirmations.take(host, request.body as HostReport, clock.nowMs());
  return { kind: 'json', body: {} };
}

function watch({ plane, authority }: ControlApiParts): ApiReply {
  return {
    kind: 'stream',
    open: (send) => {
      const tell = ({ bundle, taintedIssuers }: TrustNews): void =>
        void send({ kind: 'trust', trust: { own: bundle, federated: [] }, taintedIssuers });
      const unsubscribe = plane.subscribe((update) => send(update));
      tell(authority.news);
      const unfollow = authority.onTrust(tell);
      return () => {
        unsubscribe();
        unfollow();
      };
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

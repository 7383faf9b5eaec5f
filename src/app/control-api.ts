import { readFileSync } from 'node:fs';
import type { ApiHandler, ApiReply } from '../serve/api/server.ts';
import { refused as refusal } from '../serve/api/server.ts';
import { paths, type StatusReply } from '../serve/api/wire.ts';
import type { CommitVerdict } from '../serve/api/wire-gate.ts';
import type { XdsService } from '../serve/xds/service.ts';
import { caImport, caRequest, caStep } from './ca-api.ts';
import type { CaController } from './ca-controller.ts';
import type { ControlPlane } from './control-plane.ts';
import { type FederationApiParts, federationApi } from './federation/federation-api.ts';
import { type GateApiParts, gateApi } from './gate/gate-api.ts';
import { type HostAdminParts, hostAdmin } from './hosts/admin-api.ts';
import { ledgerApi } from './ledger-api.ts';
import type { Notices } from './notices.ts';
import { type Operations, operationsApi } from './operators/operations.ts';
import { type TokenApiParts, tokenApi } from './operators/token-api.ts';
import { rolloutApi } from './rollouts/rollout-api.ts';
import type { Rollouts } from './rollouts/rollouts.ts';

export interface ControlApiParts
  extends HostAdminParts,
    FederationApiParts,
    GateApiParts,
    TokenApiParts {
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly ca: CaController;
  readonly notices: Notices;
  readonly rollouts: Rollouts;
  readonly operations: Operations;
}

type StatusParts = Pick<ControlApiParts, 'plane' | 'xds' | 'gatekeeper'> & {
  readonly notices: Pick<Notices, 'current'>;
};

/** What operators ask, on this machine. */
export function controlApi(parts: ControlApiParts): ApiHandler {
  return async (request) => {
    const { method, path } = request;
    if (method === 'GET' && path === paths.status) return { kind: 'json', body: status(parts) };
    if (method === 'GET' && path === paths.openApi) return openApi();
    if (method === 'GET' && path === paths.events) return events(parts);
    if (method === 'GET' && path === paths.ca) return { kind: 'json', body: parts.ca.reply };
    if (method === 'POST' && path === paths.caSteps) return caStep(parts, request);
    if (method === 'POST' && path === paths.caRequests) return caRequest(parts, request);
    if (method === 'POST' && path === paths.caImports) return caImport(parts, request);
    const about =
      rolloutApi(parts, request) ??
      (await hostAdmin(parts, request)) ??
      (await federationApi(parts, request)) ??
      (await gateApi(parts, request)) ??
      (await tokenApi(parts, request)) ??
      (await operationsApi(parts.operations, request)) ??
      (await ledgerApi(parts, request));
    if (about !== undefined) return about;
    return refusal(404, { code: 'CH5405', message: `there is no ${method} ${path}` });
  };
}

/** As it lies beside the program; it is asked for seldom. */
function openApi(): ApiReply {
  const text = readFileSync(new URL('../../schema/openapi.json', import.meta.url), 'utf8');
  return { kind: 'text', contentType: 'application/json', text };
}

export function events({ plane }: Pick<ControlApiParts, 'plane'>): ApiReply {
  return { kind: 'stream', open: (send) => plane.events.follow((event) => send(event)) };
}

export function status({ plane, xds, notices, gatekeeper }: StatusParts): StatusReply {
  const { intent } = plane;
  const { refused } = intent;
  const running = intent.kind === 'running' ? intent : undefined;
  return {
    mesh: running?.intent.mesh.name ?? '',
    trustDomain: running?.intent.mesh.trustDomain ?? '',
    commit: running?.tree.commit ?? '',
    subject: running?.tree.subject ?? '',
    refused:
      refused === undefined
        ? undefined
        : { commit: refused.commit, codes: refused.findings.map(({ code }) => code) },
    waiting: waitingOf(gatekeeper.waiting),
    workloads: plane.inventory.map((workload) => {
      const { streams, converged, rejected } = xds.status(workload.id);
      return { workload, connected: streams > 0, inSync: converged, rejected };
    }),
    warnings: notices.current,
    recent: plane.events.recent.slice(-20),
  };
}

function waitingOf(held: CommitVerdict | undefined): StatusReply['waiting'] {
  if (held?.verdict.kind !== 'waiting') return undefined;
  const { commit, subject, verdict } = held;
  return { commit, subject, codes: verdict.findings.map(({ code }) => code) };
}

import { readFileSync } from 'node:fs';
import type { ApiHandler, ApiReply } from '../serve/api/server.ts';
import { refused } from '../serve/api/server.ts';
import { paths } from '../serve/api/wire.ts';
import { type BreakglassApiParts, breakglassApi } from './breakglass/breakglass-api.ts';
import { caImport, caRequest, caStep } from './ca-api.ts';
import type { CaController } from './ca-controller.ts';
import type { ControlPlane } from './control-plane.ts';
import { type FederationApiParts, federationApi } from './federation/federation-api.ts';
import { type GateApiParts, gateApi } from './gate/gate-api.ts';
import { type HostAdminParts, hostAdmin } from './hosts/admin-api.ts';
import { intentApi } from './intent-api.ts';
import { ledgerApi } from './ledger-api.ts';
import { type Operations, operationsApi } from './operators/operations.ts';
import { type TokenApiParts, tokenApi } from './operators/token-api.ts';
import { pastApi } from './past-api.ts';
import { rolloutApi } from './rollouts/rollout-api.ts';
import type { Rollouts } from './rollouts/rollouts.ts';
import { type ShadowApiParts, shadowApi } from './shadow/shadow-api.ts';
import { type StatusApiParts, statusApi } from './status-api.ts';
import { type FlowsApiParts, flowsApi } from './traffic/flows-api.ts';
import type { Upgrades } from './upgrade/upgrades.ts';

interface ControlApiParts
  extends BreakglassApiParts,
    HostAdminParts,
    FederationApiParts,
    FlowsApiParts,
    GateApiParts,
    ShadowApiParts,
    StatusApiParts,
    TokenApiParts {
  readonly plane: ControlPlane;
  readonly ca: CaController;
  readonly rollouts: Rollouts;
  readonly upgrades: Upgrades;
  readonly operations: Operations;
}

/** What operators ask, on this machine. */
export function controlApi(parts: ControlApiParts): ApiHandler {
  return async (request) => {
    const { method, path } = request;
    const past = await pastApi(parts, request);
    if (past !== undefined) return past;
    if (method === 'GET' && path === paths.openApi) return openApi();
    if (method === 'GET' && path === paths.events) return events(parts);
    if (method === 'GET' && path === paths.ca) return { kind: 'json', body: parts.ca.reply };
    if (method === 'POST' && path === paths.caSteps) return caStep(parts, request);
    if (method === 'POST' && path === paths.caRequests) return caRequest(parts, request);
    if (method === 'POST' && path === paths.caImports) return caImport(parts, request);
    const about =
      (await rolloutApi(parts, request)) ??
      (await statusApi(parts, request)) ??
      (await hostAdmin(parts, request)) ??
      (await federationApi(parts, request)) ??
      (await gateApi(parts, request)) ??
      (await tokenApi(parts, request)) ??
      (await breakglassApi(parts, request)) ??
      (await operationsApi(parts.operations, request)) ??
      (await intentApi(parts, request)) ??
      flowsApi(parts, request) ??
      (await shadowApi(parts, request)) ??
      (await ledgerApi(parts, request));
    if (about !== undefined) return about;
    return refused(404, { code: 'CH5405', message: `there is no ${method} ${path}` });
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

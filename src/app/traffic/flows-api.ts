import type { Clock } from '../../base/clock.ts';
import type { RuleId, ServiceName } from '../../model/types.ts';
import { numberOf } from '../../serve/api/query-shape.ts';
import type { ApiReply, ApiRequest } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { FlowsReply, RuleUse } from '../../serve/api/wire-flows.ts';
import type { ControlPlane } from '../control-plane.ts';
import { type FlowLog, flowWindowHours } from './flow-log.ts';
import type { Traffic } from './traffic-log.ts';
import { hourMs, type Use } from './use.ts';

export interface FlowsApiParts {
  readonly plane: Pick<ControlPlane, 'intent'>;
  readonly flows: FlowLog;
  /** Counts every request, also those that no line of a log was read of. */
  readonly traffic: Traffic;
  readonly clock: Clock;
}

/** Who came in to services lately, and which rules met requests. */
export function flowsApi(
  { plane, flows, traffic, clock }: FlowsApiParts,
  { method, path, query }: ApiRequest,
): ApiReply | undefined {
  if (method !== 'GET' || path !== paths.flows) return undefined;
  const windowMs = flowWindowHours * hourMs;
  const fromMs = clock.nowMs() - windowMs;
  const { intent } = plane;
  const sinceMs = Math.max(fromMs, numberOf(query, 'since') ?? 0);
  const found = intent.kind === 'running' ? flows.of(intent.intent, sinceMs) : [];
  const name = query.get('service');
  const services = found
    .filter(({ service }) => name === null || service === name)
    .map((one) => ({
      ...one,
      rules: one.rules.map((rule) => {
        const use = traffic.rule(one.service as ServiceName, rule.rule as RuleId);
        return use === undefined || use.lastMs < sinceMs ? rule : withUse(rule, use);
      }),
    }));
  return { kind: 'json', body: { services, windowMs } satisfies FlowsReply };
}

function withUse(rule: RuleUse, { requests, lastMs }: Use): RuleUse {
  return {
    ...rule,
    requests: Math.max(rule.requests, requests),
    lastMs: Math.max(rule.lastMs ?? 0, lastMs),
  };
}

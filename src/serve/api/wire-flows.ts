import type { FlowKey, ServiceFlows } from '../../policy/flow.ts';

export type { Flow, FlowKey, RuleUse, ServiceFlows } from '../../policy/flow.ts';

/**
 * What a proxy let in or kept out since it was last told, by caller, method and path template: ids are `*`, and where there
 * are too many templates a final `**` stands for the rest.
 */
export interface ProxyFlows {
  readonly flows: readonly FlowCount[];
  /** Some requests are in none of them: the log grew faster than it is read, or there were too many flows. */
  readonly isPartial: boolean;
}

export interface FlowCount extends FlowKey {
  readonly requests: number;
}

/** GET /v1/flows, with `service` and `since`. */
export interface FlowsReply {
  readonly services: readonly ServiceFlows[];
  /** How far back it is kept. */
  readonly windowMs: number;
}

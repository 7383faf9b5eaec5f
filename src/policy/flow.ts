/** Which requests are one flow. */
export interface FlowKey {
  /** The SPIFFE ID; empty: none was shown. */
  readonly caller: string;
  /** `connect` for a TCP connection. */
  readonly method: string;
  /** Empty for a TCP connection. */
  readonly path: string;
  readonly verdict: 'allow' | 'deny';
  /** The rule that let it in or kept it out; left out where none did, or the log does not say. */
  readonly rule?: string;
  /** Of the denial. */
  readonly code?: string;
  /** A header asked for another method or path, which nobody wrote down. */
  readonly isOverridden?: true;
}

export interface ServiceFlows {
  readonly service: string;
  /** When a proxy of it told of its flows for the first time, as far as it is kept. */
  readonly sinceMs: number;
  /** Some requests are in none of the flows. */
  readonly isPartial: boolean;
  readonly flows: readonly Flow[];
  /** Of the running intent. */
  readonly rules: readonly RuleUse[];
}

export interface Flow extends FlowKey {
  readonly requests: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface RuleUse {
  readonly rule: string;
  /** When it was there for the first time, as far as it is kept. */
  readonly knownMs: number;
  readonly requests: number;
  /** Left out: it met no request. */
  readonly lastMs?: number;
}

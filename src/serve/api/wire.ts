import type { Finding, Position } from '../../base/finding.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { PolicyDocument } from '../../policy/document.ts';

/** The JSON of the control API. One file, so that server, agent, `up` and CLI cannot drift apart. */
export const paths = {
  svids: '/v1/svids',
  hosts: '/v1/hosts/',
  watch: '/v1/watch',
  events: '/v1/events',
  status: '/v1/status',
} as const;

/** POST /v1/svids */
export interface SvidRequest {
  readonly service: string;
  readonly workload: string;
  readonly host: string;
  /** PKCS#10, DER in base64. */
  readonly csr: string;
  readonly reason: 'first' | 'renewal';
}

export interface SvidReply {
  readonly spiffeId: string;
  /** Leaf first. */
  readonly chainPem: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** PUT /v1/hosts/HOST: everything that runs there now; what is left out has left. */
export interface HostReport {
  readonly workloads: readonly Workload[];
}

/** GET /v1/watch: first the whole state, then what changes. */
export type AgentUpdate =
  | { readonly kind: 'trust'; readonly trustDomain: string; readonly bundlePem: string }
  | { readonly kind: 'policy'; readonly version: string; readonly document: PolicyDocument };

/** GET /v1/status */
export interface StatusReply {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly commit: string;
  readonly subject: string;
  /** The commit that was refused after the running one, if any. */
  readonly refused: { readonly commit: string; readonly codes: readonly string[] } | undefined;
  readonly workloads: readonly WorkloadStatus[];
  readonly recent: readonly MeshEvent[];
}

export interface WorkloadStatus {
  readonly workload: Workload;
  readonly connected: boolean;
  /** Every resource of the present snapshot is accepted. */
  readonly inSync: boolean;
  readonly rejected: readonly { readonly resource: string; readonly message: string }[];
}

/** What happened in the control plane, as people and scripts see it (`up`, `/v1/events`). */
export type MeshEvent =
  | {
      readonly kind: 'accepted';
      readonly commit: string;
      readonly subject: string;
      readonly services: number;
      readonly warnings: readonly Finding[];
    }
  | {
      readonly kind: 'refused';
      readonly commit: string;
      readonly subject: string;
      readonly findings: readonly Finding[];
      readonly sources: Readonly<Record<string, string>>;
    }
  | {
      /** Every proxy that the change concerns has taken it. */
      readonly kind: 'live';
      readonly commit: string;
      readonly proxies: readonly {
        readonly proxy: string;
        readonly resources: readonly string[];
      }[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'nacked';
      readonly proxy: string;
      readonly resource: string;
      readonly message: string;
      readonly from: readonly Position[];
    }
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string }
  | { readonly kind: 'problem'; readonly finding: Finding };

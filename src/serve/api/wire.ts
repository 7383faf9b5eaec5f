import type { Finding, Position } from '../../base/finding.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { IdentityEntry } from '../../identity/entry.ts';
import type { Trust } from '../../identity/trust.ts';
import type { PolicyDocument } from '../../policy/document.ts';

/** The JSON of the control API. One file, so that server, agent, `up` and CLI cannot drift apart. */
export const paths = {
  svids: '/v1/svids',
  hosts: '/v1/hosts/',
  watch: '/v1/watch',
  events: '/v1/events',
  status: '/v1/status',
  jwtSvids: '/v1/jwt-svids',
  ca: '/v1/ca',
  caSteps: '/v1/ca/steps',
} as const;

/** POST /v1/svids */
export interface SvidRequest {
  readonly service: string;
  readonly workload: string;
  readonly host: string;
  /** PKCS#10, DER in base64. */
  readonly csr: string;
  readonly reason: SvidReason;
  /** What the holder was found to be, for the audit. */
  readonly selectors?: string;
}

export type SvidReason = 'first' | 'renewal' | 'tainted';

export interface SvidReply {
  readonly spiffeId: string;
  /** Leaf first. */
  readonly chainPem: string;
  readonly serial: string;
  /** Key id of the CA that signed it, hex. */
  readonly issuerKeyId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** POST /v1/jwt-svids */
export interface JwtSvidRequest {
  readonly service: string;
  readonly host: string;
  readonly audience: readonly string[];
}

export interface JwtSvidReply {
  readonly spiffeId: string;
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** PUT /v1/hosts/HOST: everything that runs there now; what is left out has left. */
export interface HostReport {
  readonly workloads: readonly Workload[];
  /** The bundle that everything on the host has taken. */
  readonly trustSequence: number;
  /** Who signed what is presented now, by holder. */
  readonly presented: readonly { readonly holder: string; readonly issuerKeyId: string }[];
}

/** GET /v1/watch: first the whole state, then what changes. */
export type AgentUpdate =
  | {
      readonly kind: 'trust';
      readonly trust: Trust;
      /** Certificates that these CAs signed are to be renewed at once. */
      readonly taintedIssuers: readonly string[];
    }
  | { readonly kind: 'entries'; readonly entries: readonly IdentityEntry[] }
  | { readonly kind: 'policy'; readonly version: string; readonly document: PolicyDocument };

/** GET /v1/ca */
export interface CaReply {
  readonly trustDomain: string;
  readonly sequence: number;
  readonly rotation: RotationReply;
  readonly active: CaGenerationReply;
  /** Whom the next step waits for. */
  readonly waitingFor: readonly { readonly host: string; readonly what: string }[];
}

export interface RotationReply {
  readonly kind: 'none' | 'prepared' | 'activated' | 'tainted';
  readonly driven: 'auto' | 'hand';
  readonly sinceMs: number | undefined;
  readonly other: CaGenerationReply | undefined;
}

export interface CaGenerationReply {
  readonly id: string;
  readonly createdMs: number;
  readonly rootNotAfterMs: number;
  readonly intermediateNotAfterMs: number;
  readonly rootSha256: string;
  /** Whether the root's key is in the store, or with the company. */
  readonly rootKey: 'ours' | 'elsewhere';
  readonly jwtKid: string;
}

/** POST /v1/ca/steps */
export interface CaStepRequest {
  readonly step: 'prepare' | 'activate' | 'taint' | 'revoke' | 'abandon';
  readonly what?: 'root' | 'intermediate';
  readonly driven?: 'auto' | 'hand';
  /** Go on although somebody would be cut off. */
  readonly force?: boolean;
  readonly by: string;
}

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

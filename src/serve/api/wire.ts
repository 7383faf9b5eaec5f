import type { Finding, Position } from '../../base/finding.ts';
import type { Json } from '../../base/json.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { IdentityEntry } from '../../identity/entry.ts';
import type { HostStanding } from '../../identity/hosts/host-record.ts';
import type { RootLink } from '../../identity/root-link.ts';
import type { Trust } from '../../identity/trust.ts';
import type { Selector } from '../../model/types.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import type { ApplicationStanding } from '../../rollout/application.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { ReportedCounters } from '../../rollout/signals.ts';
import type { ProxyFlows } from './wire-flows.ts';
import type { GateEvent } from './wire-gate.ts';
import type { ShadowOrder, ShadowReport } from './wire-shadow.ts';
import type { HostTrouble } from './wire-trouble.ts';
import type { UpgradeReply } from './wire-upgrade.ts';

export * from './wire-flows.ts';
export * from './wire-replicas.ts';
export * from './wire-shadow.ts';
export * from './wire-status.ts';
export * from './wire-trouble.ts';
export * from './wire-trust.ts';

/** The JSON of the control API. One file, so that server, agent, `up` and CLI cannot drift apart. */
export const paths = {
  bundle: '/v1/bundle',
  attest: '/v1/host/attest',
  attestAnswer: '/v1/host/attest/answer',
  renew: '/v1/host/renew',
  report: '/v1/host/report',
  svids: '/v1/host/svids',
  jwtSvids: '/v1/host/jwt-svids',
  watch: '/v1/host/watch',
  agentHealth: '/v1/agent/health',
  hosts: '/v1/hosts',
  joinTokens: '/v1/join-tokens',
  revisions: '/v1/revisions',
  revisionSteps: '/v1/revisions/steps',
  events: '/v1/events',
  /** GET, with kind (also several), subject, since, until, limit, beforeMs and beforeSeq: a LedgerReply. */
  ledger: '/v1/ledger',
  /** GET /v1/proxies/NAME, with at in milliseconds: a ProxyReply. */
  proxies: '/v1/proxies',
  /** GET, with id: a MadeReply. */
  resources: '/v1/resources',
  status: '/v1/status',
  ca: '/v1/ca',
  caSteps: '/v1/ca/steps',
  federation: '/v1/federation',
  federationRefresh: '/v1/federation/refresh',
  caRequests: '/v1/ca/requests',
  caImports: '/v1/ca/imports',
  /** GET, with commit, or at in milliseconds: an IntentReply. */
  intent: '/v1/intent',
  /** GET, with service, and since in milliseconds: a FlowsReply. */
  flows: '/v1/flows',
  shadow: '/v1/shadow',
  shadowStop: '/v1/shadow/stop',
  verdicts: '/v1/verdicts',
  approvals: '/v1/approvals',
  apiTokens: '/v1/tokens',
  breakglass: '/v1/breakglass',
  live: '/healthz',
  ready: '/readyz',
  metrics: '/metrics',
  openApi: '/openapi.json',
} as const;

/** GET /v1/bundle, for anybody: what a host holds against the hash that its operator gave it. */
export interface BundleReply {
  readonly trustDomain: string;
  /** DER in base64. */
  readonly x509Roots: readonly string[];
  /** How a host whose roots have all ended comes to these; it needs no other proof (decision 014). */
  readonly rootLinks: readonly RootLink[];
}

/** POST /v1/host/attest, without a certificate. */
export interface AttestRequest {
  readonly method: string;
  readonly evidence: Json;
  /** PKCS#10, DER in base64, of the key that stays on the host. */
  readonly csr: string;
}

/** POST /v1/host/attest/answer, on whichever connection, within seconds. */
export interface AttestAnswer {
  readonly session: string;
  readonly answer: Json;
}

export type AttestReply =
  | { readonly kind: 'challenge'; readonly session: string; readonly challenge: Json }
  | {
      readonly kind: 'attested';
      readonly host: string;
      readonly svid: SvidReply;
      readonly trust: Trust;
    };

/** POST /v1/host/renew, with the host's present certificate. */
export interface RenewRequest {
  readonly csr: string;
}

/** POST /v1/host/svids: what came together is answered together. */
export interface SvidsRequest {
  readonly requests: readonly SvidRequest[];
}

export interface SvidsReply {
  /** In the order of the requests. */
  readonly answers: readonly SvidAnswer[];
}

export type SvidAnswer =
  | { readonly kind: 'issued'; readonly svid: SvidReply }
  | { readonly kind: 'refused'; readonly finding: Finding };

export interface SvidRequest {
  readonly service: string;
  readonly workload: string;
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

/** POST /v1/host/jwt-svids */
export interface JwtSvidRequest {
  readonly service: string;
  readonly audience: readonly string[];
}

export interface JwtSvidReply {
  readonly spiffeId: string;
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** PUT /v1/host/report: everything that runs there now; what is left out has left. */
export interface HostReport {
  readonly workloads: readonly Workload[];
  /** The bundle that everything on the host has taken. */
  readonly trustSequence: number;
  /** Who signed what is presented now, by holder. */
  readonly presented: readonly { readonly holder: string; readonly issuerKeyId: string }[];
  readonly health: HostHealth;
  /** What its proxies have counted since they started; left out while nobody looks. */
  readonly counters?: readonly { readonly workload: string; readonly counters: ReportedCounters }[];
  /** Of the applications that the host starts itself; left out where it starts none. */
  readonly applications?: readonly ApplicationStanding[];
  /** What its proxies did since the last report that was heard; left out where that is nothing. */
  readonly traffic?: readonly { readonly workload: string; readonly traffic: ServiceTraffic }[];
  /** Who came in to each proxy whose access log is read, since the last report that was heard; also where nobody did. */
  readonly flows?: readonly { readonly workload: string; readonly flows: ProxyFlows }[];
  /** The version of the policy by which its desk decides; left out: by none yet, or the agent is of before. */
  readonly policy?: string;
  /** The newest policy that its desk was told, where it could not be read: it decides by the one of before. */
  readonly policyRefused?: { readonly version: string; readonly problem: string };
  /** Uses of break-glass grants since the last report that was heard; left out where there was none. */
  readonly breakglass?: readonly ReportedUse[];
  /** What a shadow policy would do otherwise, since the last report that was heard; left out while there is none. */
  readonly shadow?: ShadowReport;
}

/** What a grant let through at one host. */
export interface ReportedUse {
  readonly grant: string;
  readonly uses: number;
  readonly lastMs: number;
  /** Which of this host's uses these are, so that those whose answer was lost count once; left out by an agent of before. */
  readonly counted?: {
    /** When the host began this count of the grant. */
    readonly sinceMs: number;
    /** How many of it came before these. */
    readonly before: number;
  };
}

/** Requests of a proxy by the service that it called, and those that came to it by the rule that they met. */
export interface ServiceTraffic {
  readonly callees: Readonly<Record<string, number>>;
  readonly rules: Readonly<Record<string, number>>;
}

/** `nothing`: it is not kept, since the key that was asked for cannot be had. */
export type SealedBy = 'tpm' | 'keyring' | 'file' | 'nothing';

/** Whether a host can go on, not only whether it runs. */
export interface HostHealth {
  /** Everything that it holds can be renewed in time. */
  readonly canRenew: boolean;
  readonly problems: readonly string[];
  readonly identities: readonly HeldIdentity[];
  /** What the agent's memory on disk is bound to. */
  readonly sealedBy: SealedBy;
  /** Left out where there is none. */
  readonly troubles?: readonly HostTrouble[];
}

/** GET /v1/agent/health, of the agent itself, on its own socket. */
export interface AgentHealthReply extends HostHealth {
  /** Undefined: this host was in no mesh yet. */
  readonly host: string | undefined;
  readonly standing: 'joining' | 'joined' | 'overdue' | 'refused';
  readonly trustDomain: string | undefined;
  readonly trustSequence: number;
  readonly roots: readonly { readonly sha256: string; readonly notAfterMs: number }[];
  readonly decisions: DecisionCounts;
}

/** What a host's policy desk did since its agent started. */
export interface DecisionCounts {
  readonly allowed: number;
  readonly denied: number;
  /** Denials by a fault of the desk itself. */
  readonly faults: number;
  /** Questions that came before any policy. */
  readonly unavailable: number;
  /** Plain allows that are not logged because not all of them are to be. */
  readonly sampledOut: number;
  /** Decisions that the log or its receiver could not take in time. */
  readonly lost: number;
}

/** What a host calls itself among the holders of its certificates. */
export const hostHolder = 'this host';

export interface HeldIdentity {
  readonly holder: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The first commit that the policy was told by since the policy before it; later ones may say the same. */
export interface PolicyOrigin {
  readonly commit: string;
}

/** The policy of the commit on its way, by which a desk decides for who has it and for nobody else. */
export interface PolicyAhead {
  readonly commit: string;
  /** Of the desk's own host. */
  readonly proxies: readonly string[];
  /** For a desk of the pool: proxies of any host, by the service whose certificate they show. */
  readonly members?: Readonly<Record<string, readonly string[]>>;
  /** Services of which every proxy has it, also one that does not say which it is. */
  readonly services: readonly string[];
  readonly document: PolicyDocument;
  /** Of each document by itself. */
  readonly versions: { readonly base: string; readonly ahead: string };
}

/** GET /v1/host/watch: first the whole state, then what changes. */
export type AgentUpdate =
  | {
      readonly kind: 'trust';
      readonly trust: Trust;
      /** Certificates that these CAs signed are to be renewed at once. */
      readonly taintedIssuers: readonly string[];
    }
  | { readonly kind: 'entries'; readonly entries: readonly IdentityEntry[] }
  | {
      readonly kind: 'policy';
      /** Of all that decides here. */
      readonly version: string;
      readonly document: PolicyDocument;
      readonly ahead?: PolicyAhead;
      /** Not in the version: a commit that leaves the policy as it is sends nothing. */
      readonly origin?: PolicyOrigin;
    }
  /** What time it is at the control plane; before each policy, and again and again. */
  | { readonly kind: 'time'; readonly nowMs: number }
  /** How often to tell what proxies count; 0: not at all. */
  | { readonly kind: 'look'; readonly everyMs: number }
  /** Without one: none rides along any more. */
  | { readonly kind: 'shadow'; readonly shadow?: ShadowOrder };

/** GET /v1/hosts, and /v1/hosts/NAME for one. */
export interface HostsReply {
  readonly hosts: readonly HostReply[];
}

export interface HostReply {
  readonly name: string;
  readonly method: string;
  readonly anchor: string;
  readonly selectors: readonly Selector[];
  readonly attestedMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly standing: HostStanding;
  /** Open watches; 0: it is away. */
  readonly connections: number;
  /** When it last said something; undefined: not since this control plane started. */
  readonly seenMs: number | undefined;
  readonly trustSequence: number | undefined;
  readonly workloads: readonly string[];
  readonly health: HostHealth | undefined;
}

/** POST /v1/hosts/NAME/ban, /v1/hosts/NAME/evict */
export interface HostStepRequest {
  readonly by: string;
  readonly reason: string;
}

/** POST /v1/join-tokens */
export interface JoinTokenRequest {
  readonly host: string;
  readonly ttlSeconds: number;
  /** It is for a machine that takes the place of the one that has the name now. */
  readonly replaces: boolean;
  readonly by: string;
}

export interface JoinTokenReply {
  readonly token: string;
  readonly endsMs: number;
  readonly trustDomain: string;
  /** SHA-256 of each root, hex: what the new host is to trust. */
  readonly rootSha256: readonly string[];
  /** Where hosts reach this control plane. */
  readonly address: string;
  readonly port: number;
}

/** GET /v1/revisions: newest first. */
export interface RevisionsReply {
  readonly revisions: readonly Rollout[];
  /** What this version of the control plane compiles otherwise than the one before; left out where nothing is known to be. */
  readonly upgrade?: UpgradeReply;
}

/** POST /v1/revisions/steps */
export interface RevisionStepRequest {
  readonly step: 'halt' | 'resume' | 'rollback';
  /** Only if this one is under way; whichever is when left out. */
  readonly commit?: string;
  readonly by: string;
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
  /** A revision moved on its way to all proxies. */
  | { readonly kind: 'rollout'; readonly rollout: Rollout }
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string }
  | GateEvent
  | { readonly kind: 'problem'; readonly finding: Finding };

/** Written by npm run openapi from schema/openapi.json. Do not edit. */

export interface paths {
    readonly "/healthz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * whether the process runs
         * @description For the role viewer and above.
         */
        readonly get: operations["getHealthz"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/metrics": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * metrics of the control plane, for Prometheus
         * @description For the role viewer and above.
         */
        readonly get: operations["getMetrics"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/openapi.json": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * this document
         * @description For the role viewer and above.
         */
        readonly get: operations["getOpenapi"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/readyz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * whether it can serve, and what cannot; 503 if not
         * @description For the role viewer and above.
         */
        readonly get: operations["getReadyz"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/approvals": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * let a commit pass a guard rail
         * @description For the role operator and above.
         */
        readonly post: operations["postApprovals"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/breakglass": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * access that was granted beside Git
         * @description For the role viewer and above.
         */
        readonly get: operations["getBreakglass"];
        readonly put?: never;
        /**
         * grant access beside Git, for a time; answers when it is live
         * @description For the role operator and above.
         */
        readonly post: operations["postBreakglass"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/breakglass/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * one such grant
         * @description For the role viewer and above.
         */
        readonly get: operations["getBreakglassByName"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/breakglass/{name}/approve": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * let a grant of somebody else take effect
         * @description For the role operator and above.
         */
        readonly post: operations["postBreakglassApprove"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/breakglass/{name}/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * end a grant now
         * @description For the role operator and above.
         */
        readonly post: operations["postBreakglassRevoke"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ca": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what signs, and where a rotation stands
         * @description For the role viewer and above.
         */
        readonly get: operations["getCa"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ca/imports": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * take what the company's CA signed
         * @description For the role admin and above.
         */
        readonly post: operations["postCaImports"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ca/requests": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * a key for the company's CA
         * @description For the role admin and above.
         */
        readonly post: operations["postCaRequests"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ca/steps": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * one step of a rotation
         * @description For the role admin and above.
         */
        readonly post: operations["postCaSteps"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/events": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what happens from now on, one JSON a line
         * @description For the role viewer and above.
         */
        readonly get: operations["getEvents"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/federation": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * trust domains that are believed
         * @description For the role viewer and above.
         */
        readonly get: operations["getFederation"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/federation/refresh": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * fetch a bundle now
         * @description For the role operator and above.
         */
        readonly post: operations["postFederationRefresh"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * who came in to services lately
         * @description For the role viewer and above.
         */
        readonly get: operations["getFlows"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/hosts": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * every host
         * @description For the role viewer and above.
         */
        readonly get: operations["getHosts"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/hosts/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * one host
         * @description For the role viewer and above.
         */
        readonly get: operations["getHostsByName"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/hosts/{name}/ban": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * cut a host off
         * @description For the role operator and above.
         */
        readonly post: operations["postHostsBan"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/hosts/{name}/evict": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * forget a host
         * @description For the role operator and above.
         */
        readonly post: operations["postHostsEvict"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/intent": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what the mesh runs on, file by file
         * @description For the role viewer and above.
         */
        readonly get: operations["getIntent"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/join-tokens": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * a token for one new host
         * @description For the role operator and above.
         */
        readonly post: operations["postJoinTokens"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ledger": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what happened: by subject, kind and time, newest first
         * @description For the role viewer and above.
         */
        readonly get: operations["getLedger"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/proxies/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what a proxy runs or ran, from which lines
         * @description For the role viewer and above.
         */
        readonly get: operations["getProxiesByName"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/resources": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what a version of a resource stands for
         * @description For the role viewer and above.
         */
        readonly get: operations["getResources"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/revisions": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * revisions and their waves since the control plane started, newest first; with `at` those of the ledger
         * @description For the role viewer and above.
         */
        readonly get: operations["getRevisions"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/revisions/steps": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * halt, resume or take back the revision that is under way
         * @description For the role operator and above.
         */
        readonly post: operations["postRevisionsSteps"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/shadow": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what a policy that rides along would do otherwise
         * @description For the role viewer and above.
         */
        readonly get: operations["getShadow"];
        readonly put?: never;
        /**
         * let the policy of a commit ride along with live traffic, deciding nothing
         * @description For the role operator and above.
         */
        readonly post: operations["postShadow"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/shadow/stop": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * end what rides along
         * @description For the role operator and above.
         */
        readonly post: operations["postShadowStop"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/status": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * proxies, workloads, the running commit, warnings
         * @description For the role viewer and above.
         */
        readonly get: operations["getStatus"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/tokens": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * tokens for this API; their secrets are not kept
         * @description For the role admin and above.
         */
        readonly get: operations["getTokens"];
        readonly put?: never;
        /**
         * make a token for this API
         * @description For the role admin and above.
         */
        readonly post: operations["postTokens"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/tokens/{name}/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * end a token now
         * @description For the role admin and above.
         */
        readonly post: operations["postTokensRevoke"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/verdicts": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * what became of each commit, newest first
         * @description For the role viewer and above.
         */
        readonly get: operations["getVerdicts"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/verdicts/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * whether a commit is live, and where
         * @description For the role viewer and above.
         */
        readonly get: operations["getVerdictsByName"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        readonly ApiTokenInfo: {
            readonly by: string;
            readonly endsMs: number;
            readonly madeMs: number;
            readonly name: string;
            /** @enum {unknown} */
            readonly role: "viewer" | "operator" | "admin";
        };
        readonly ApiTokenReply: {
            readonly bundlePem: string;
            readonly endsMs: number;
            readonly token: string;
        };
        readonly ApiTokensReply: {
            readonly tokens: readonly components["schemas"]["ApiTokenInfo"][];
        };
        readonly AwaitedResource: {
            readonly resource: string;
            readonly sinceMs: number;
            /** @enum {unknown} */
            readonly state: "not asked for" | "to be sent" | "sent";
        };
        readonly BranchState: {
            /** @constant */
            readonly kind: "open";
            readonly problem?: components["schemas"]["Finding"];
        } | {
            readonly commit: string;
            readonly filesLeft: boolean;
            /** @constant */
            readonly kind: "written";
        } | {
            readonly commit: string;
            /** @constant */
            readonly kind: "as before";
        } | {
            /** @constant */
            readonly kind: "left";
            readonly problem: components["schemas"]["Finding"];
        };
        readonly BreakglassReply: {
            readonly grants: readonly components["schemas"]["GrantInfo"][];
        };
        readonly BreakglassStepReply: {
            readonly denials: readonly {
                readonly at: {
                    readonly file: string;
                    readonly line: number;
                };
                readonly rule: string;
            }[];
            readonly grant: components["schemas"]["Grant"];
            readonly reach?: components["schemas"]["GrantReach"];
        };
        readonly CaGenerationReply: {
            readonly createdMs: number;
            readonly id: string;
            readonly intermediateNotAfterMs: number;
            readonly jwtKid: string;
            /** @enum {unknown} */
            readonly rootKey: "elsewhere" | "ours";
            readonly rootNotAfterMs: number;
            readonly rootSha256: string;
        };
        readonly CaReply: {
            readonly active: components["schemas"]["CaGenerationReply"];
            readonly request?: components["schemas"]["CaRequestReply"];
            readonly rotation: components["schemas"]["RotationReply"];
            readonly sequence: number;
            readonly trustDomain: string;
            readonly upstream?: string;
            readonly waitingFor: readonly {
                readonly host: string;
                readonly what: string;
            }[];
            readonly warnings: readonly components["schemas"]["Finding"][];
        };
        readonly CaRequestReply: {
            readonly by: string;
            readonly createdMs: number;
            readonly pem: string;
        };
        readonly CommitPlace: {
            readonly follows: string;
            readonly head?: string;
            /** @enum {unknown} */
            readonly standing: "unknown" | "newest" | "beneath" | "elsewhere";
        };
        readonly CommitReply: {
            /** @enum {unknown} */
            readonly carried?: "contained" | "reverted" | "missing";
            /** @enum {unknown} */
            readonly carriedByBase?: "contained" | "reverted" | "missing";
            readonly live: boolean;
            readonly place?: components["schemas"]["CommitPlace"];
            readonly proxies: {
                readonly behind: readonly string[];
                readonly converging: number;
                readonly inSync: number;
                readonly total: number;
            };
            readonly rollout?: components["schemas"]["Rollout"];
            readonly running?: {
                readonly commit: string;
                readonly subject: string;
            };
            readonly runningRollout?: components["schemas"]["Rollout"];
            readonly successor?: components["schemas"]["CommitVerdict"];
            readonly verdict?: components["schemas"]["CommitVerdict"];
        };
        readonly CommitVerdict: {
            readonly commit: string;
            readonly gates: readonly components["schemas"]["PassedGate"][];
            readonly liveMs?: number;
            readonly seenMs: number;
            readonly sources: {
                readonly [key: string]: string;
            };
            readonly subject: string;
            readonly traceId?: string;
            readonly verdict: components["schemas"]["Verdict"];
        };
        /** @enum {unknown} */
        readonly DeskStanding: "taken" | "behind" | "refused" | "away" | "unknown";
        readonly DeskStatus: {
            readonly host: string;
            readonly policy?: string;
            readonly problem?: string;
            readonly sinceMs: number;
            readonly state: components["schemas"]["DeskStanding"];
        };
        readonly Effect: {
            readonly approvedBy?: string;
            readonly sinceMs: number;
            readonly untilMs: number;
        };
        readonly EndpointReply: {
            readonly endpointId?: string;
            readonly port: number;
            /** @enum {unknown} */
            readonly profile: "https_web" | "https_spiffe";
        };
        readonly FederationReply: {
            readonly document: string;
            readonly endpoint?: components["schemas"]["EndpointReply"];
            readonly peers: readonly components["schemas"]["PeerReply"][];
            readonly sequence: number;
            readonly trustDomain: string;
        };
        readonly Finding: {
            readonly at?: components["schemas"]["Position"];
            readonly code: `CH${number}`;
            readonly expected?: string;
            readonly found?: string;
            readonly help?: string;
            readonly message: string;
            readonly nearest?: string;
            readonly notes?: readonly string[];
            readonly related?: readonly {
                readonly at: components["schemas"]["Position"];
                readonly message: string;
            }[];
            readonly severity: components["schemas"]["Severity"];
        };
        readonly Flow: {
            readonly caller: string;
            readonly code?: string;
            readonly firstMs: number;
            /** @constant */
            readonly isOverridden?: true;
            readonly lastMs: number;
            readonly method: string;
            readonly path: string;
            readonly requests: number;
            readonly rule?: string;
            /** @enum {unknown} */
            readonly verdict: "allow" | "deny";
        };
        readonly FlowsReply: {
            readonly services: readonly components["schemas"]["ServiceFlows"][];
            readonly windowMs: number;
        };
        readonly Grant: {
            readonly askedMs: number;
            readonly by: string;
            readonly callee: string;
            readonly forMs: number;
            readonly id: string;
            readonly operations: readonly string[];
            readonly reason: string;
            readonly state: components["schemas"]["GrantState"];
            readonly ticket?: string;
            readonly who: string;
        };
        readonly GrantInfo: {
            readonly grant: components["schemas"]["Grant"];
            readonly lastUseMs?: number;
            readonly uses: number;
        };
        readonly GrantReach: {
            readonly away: readonly string[];
            readonly behind: readonly {
                readonly host: string;
                readonly why: string;
            }[];
            readonly hosts: number;
            readonly live: number;
            readonly tookMs: number;
        };
        readonly GrantState: {
            /** @constant */
            readonly kind: "waiting";
        } | {
            readonly approvedBy?: string;
            /** @constant */
            readonly kind: "active";
            readonly sinceMs: number;
            readonly untilMs: number;
        } | {
            readonly atMs: number;
            readonly by: string;
            /** @constant */
            readonly kind: "revoked";
            readonly was?: components["schemas"]["Effect"];
        } | {
            readonly atMs: number;
            /** @constant */
            readonly kind: "ended";
            readonly was?: components["schemas"]["Effect"];
        };
        readonly HeldIdentity: {
            readonly holder: string;
            readonly notAfterMs: number;
            readonly notBeforeMs: number;
        };
        readonly HostHealth: {
            readonly canRenew: boolean;
            readonly identities: readonly components["schemas"]["HeldIdentity"][];
            readonly problems: readonly string[];
            readonly sealedBy: components["schemas"]["SealedBy"];
            readonly troubles?: readonly components["schemas"]["HostTrouble"][];
        };
        readonly HostReply: {
            readonly anchor: string;
            readonly attestedMs: number;
            readonly connections: number;
            readonly health?: components["schemas"]["HostHealth"];
            readonly method: string;
            readonly name: string;
            readonly notAfterMs: number;
            readonly notBeforeMs: number;
            readonly seenMs?: number;
            readonly selectors: readonly {
                readonly kind: string;
                readonly value: string;
            }[];
            readonly standing: components["schemas"]["HostStanding"];
            readonly trustSequence?: number;
            readonly workloads: readonly string[];
        };
        readonly HostsReply: {
            readonly hosts: readonly components["schemas"]["HostReply"][];
        };
        readonly HostStanding: {
            /** @constant */
            readonly kind: "active";
        } | {
            readonly atMs: number;
            readonly by: string;
            /** @constant */
            readonly kind: "banned";
            readonly reason: string;
        };
        readonly HostTrouble: {
            readonly kind: components["schemas"]["HostTroubleKind"];
            readonly of: string;
            readonly reason: string;
        };
        /** @enum {unknown} */
        readonly HostTroubleKind: "proxy-hangs" | "proxy-unseen" | "socket-gone" | "not-kept" | "not-logged" | "not-recorded" | "clock-apart";
        readonly IntentFile: {
            readonly path: string;
            readonly text: string;
        };
        readonly IntentReply: {
            readonly commit: string;
            readonly files: readonly components["schemas"]["IntentFile"][];
            readonly grants?: readonly components["schemas"]["Grant"][];
            readonly subject: string;
        };
        readonly JoinTokenReply: {
            readonly address: string;
            readonly endsMs: number;
            readonly port: number;
            readonly rootSha256: readonly string[];
            readonly token: string;
            readonly trustDomain: string;
        };
        readonly LedgerEntry: {
            readonly atMs: number;
            readonly facts: {
                readonly [key: string]: string | number;
            };
            readonly kind: string;
            readonly seq: number;
            readonly subject: string;
        };
        readonly LedgerReply: {
            readonly entries: readonly components["schemas"]["LedgerEntry"][];
            readonly next?: {
                readonly beforeMs: number;
                readonly beforeSeq: number;
            };
        };
        readonly LiveReply: {
            /** @constant */
            readonly alive: true;
        };
        readonly MadePlace: {
            readonly file: string;
            readonly line: number;
            readonly part?: string;
        };
        readonly MadeReply: {
            readonly atMs: number;
            readonly bytes: string;
            readonly commit: string;
            readonly from: readonly components["schemas"]["MadePlace"][];
            readonly name: string;
            readonly type: string;
            readonly version: string;
        };
        readonly MeshEvent: {
            readonly commit: string;
            /** @constant */
            readonly kind: "accepted";
            readonly services: number;
            readonly subject: string;
            readonly warnings: readonly components["schemas"]["Finding"][];
        } | {
            readonly commit: string;
            readonly findings: readonly components["schemas"]["Finding"][];
            /** @constant */
            readonly kind: "refused";
            readonly sources: {
                readonly [key: string]: string;
            };
            readonly subject: string;
        } | {
            readonly commit: string;
            /** @constant */
            readonly kind: "live";
            readonly proxies: readonly {
                readonly proxy: string;
                readonly resources: readonly string[];
            }[];
            readonly tookMs: number;
        } | {
            readonly from: readonly components["schemas"]["Position"][];
            /** @constant */
            readonly kind: "nacked";
            readonly message: string;
            readonly proxy: string;
            readonly resource: string;
        } | {
            /** @constant */
            readonly kind: "rollout";
            readonly rollout: components["schemas"]["Rollout"];
        } | {
            /** @enum {unknown} */
            readonly kind: "connected" | "disconnected";
            readonly proxy: string;
        } | {
            readonly commit: string;
            readonly errors: number;
            readonly gate: string;
            /** @constant */
            readonly kind: "gate";
            readonly tookMs: number;
            readonly warnings: number;
        } | {
            readonly commit: string;
            readonly findings: readonly components["schemas"]["Finding"][];
            /** @constant */
            readonly kind: "waiting";
            readonly sources: {
                readonly [key: string]: string;
            };
            readonly subject: string;
        } | {
            readonly by: string;
            readonly commit: string;
            /** @constant */
            readonly kind: "superseded";
            readonly subject: string;
        } | {
            readonly finding: components["schemas"]["Finding"];
            /** @constant */
            readonly kind: "problem";
        };
        readonly PassedGate: {
            readonly errors: number;
            readonly gate: string;
            readonly tookMs: number;
            readonly warnings: number;
        };
        readonly PeerReply: {
            readonly endpoint: string;
            readonly endpointId?: string;
            readonly failingSinceMs?: number;
            readonly fetchedMs?: number;
            readonly jwtKids: readonly string[];
            readonly nextMs?: number;
            readonly problem?: components["schemas"]["Finding"];
            /** @enum {unknown} */
            readonly profile: "https_web" | "https_spiffe";
            readonly refreshMs: number;
            readonly sequence?: string;
            /** @enum {unknown} */
            readonly source: "none" | "seed" | "fetched";
            /** @enum {unknown} */
            readonly state: "waiting" | "fresh" | "failing";
            readonly trustDomain: string;
            readonly x509Roots: number;
        };
        readonly Position: {
            readonly column: number;
            readonly file: string;
            readonly length: number;
            readonly line: number;
        };
        readonly ProxyReply: {
            readonly atMs: number;
            /** @enum {unknown} */
            readonly kind: "away" | "unknown" | "connected" | "left";
            readonly proxy: string;
            readonly resources: readonly components["schemas"]["ProxyResource"][];
            readonly sinceMs: number;
        };
        readonly ProxyResource: {
            readonly commit?: string;
            readonly from: readonly components["schemas"]["MadePlace"][];
            readonly message?: string;
            readonly name: string;
            readonly sinceMs?: number;
            /** @enum {unknown} */
            readonly state: "quarantined" | "rejected" | "to be sent" | "sent" | "accepted";
            readonly type: string;
            readonly version: string;
        };
        /** @enum {unknown} */
        readonly ProxyStanding: "away" | "converging" | "stuck" | "refusing" | "converged" | "connected";
        readonly ReadyCheck: {
            readonly holds: boolean;
            readonly name: string;
            readonly problem?: string;
        };
        readonly ReadyReply: {
            readonly checks: readonly components["schemas"]["ReadyCheck"][];
            readonly ready: boolean;
        };
        readonly RefusedCommit: {
            readonly codes: readonly string[];
            readonly commit: string;
            readonly findings: readonly components["schemas"]["Finding"][];
        };
        readonly RefusedReply: {
            readonly error: components["schemas"]["Finding"];
        };
        readonly RejectedResource: {
            readonly from: readonly {
                readonly file: string;
                readonly line: number;
            }[];
            readonly message: string;
            readonly resource: string;
            readonly sinceMs: number;
            /** @enum {unknown} */
            readonly state: "quarantined" | "rejected";
            readonly version: string;
        };
        readonly ReplicaStatus: {
            readonly heardMs: number;
            readonly isThis: boolean;
            readonly leadsSinceMs?: number;
            readonly name: string;
            readonly startedMs: number;
            /** @enum {unknown} */
            readonly state: "serving" | "draining" | "silent";
        };
        readonly RevisionsReply: {
            readonly revisions: readonly components["schemas"]["Rollout"][];
            readonly upgrade?: components["schemas"]["UpgradeReply"];
        };
        readonly Rollout: {
            readonly base: string;
            readonly calmUntilMs?: number;
            readonly commit: string;
            readonly compiledBy?: string;
            readonly startedMs: number;
            readonly state: components["schemas"]["RolloutState"];
            readonly subject: string;
            /** @constant */
            readonly urgent?: true;
            readonly waves: readonly (readonly components["schemas"]["WorkloadId"][])[];
        };
        readonly RolloutState: {
            /** @constant */
            readonly kind: "pushing";
            readonly sinceMs: number;
            readonly wave: number;
        } | {
            /** @constant */
            readonly kind: "watching";
            readonly sinceMs: number;
            readonly wave: number;
        } | {
            readonly by: string;
            /** @constant */
            readonly kind: "halted";
            readonly sinceMs: number;
            readonly wave: number;
        } | {
            /** @constant */
            readonly kind: "live";
            readonly sinceMs: number;
        } | {
            readonly branch: components["schemas"]["BranchState"];
            readonly evidence?: readonly string[];
            /** @constant */
            readonly kind: "taken-back";
            readonly reason: string;
            readonly sinceMs: number;
        };
        readonly RotationReply: {
            /** @enum {unknown} */
            readonly driven: "auto" | "hand";
            /** @enum {unknown} */
            readonly kind: "tainted" | "none" | "prepared" | "activated";
            readonly other?: components["schemas"]["CaGenerationReply"];
            readonly sinceMs?: number;
        };
        readonly RuleUse: {
            readonly knownMs: number;
            readonly lastMs?: number;
            readonly requests: number;
            readonly rule: string;
        };
        /** @enum {unknown} */
        readonly SealedBy: "tpm" | "keyring" | "file" | "nothing";
        readonly ServiceFlows: {
            readonly flows: readonly components["schemas"]["Flow"][];
            readonly isPartial: boolean;
            readonly rules: readonly components["schemas"]["RuleUse"][];
            readonly service: string;
            readonly sinceMs: number;
        };
        /** @enum {unknown} */
        readonly Severity: "error" | "warning";
        readonly ShadowDifference: {
            readonly callee: string;
            readonly caller: string;
            readonly effect: components["schemas"]["ShadowEffect"];
            readonly lastMs: number;
            /** @enum {unknown} */
            readonly live: "allow" | "deny";
            readonly liveAt?: string;
            readonly liveCode?: string;
            readonly liveRule?: string;
            readonly method: string;
            readonly on?: string;
            readonly path: string;
            readonly requests: number;
            readonly samples: readonly components["schemas"]["ShadowSample"][];
            readonly service: string;
            /** @enum {unknown} */
            readonly shadow: "allow" | "deny" | "depends";
            readonly shadowAt?: string;
            readonly shadowCode?: string;
            readonly shadowRule?: string;
        };
        /** @enum {unknown} */
        readonly ShadowEffect: "newly denied" | "newly allowed" | "uncertain";
        readonly ShadowInfo: {
            readonly branch: string;
            readonly by: string;
            readonly commit: string;
            readonly differences: readonly components["schemas"]["ShadowDifference"][];
            readonly endedBy?: string;
            readonly endedMs?: number;
            readonly endsMs: number;
            readonly hosts: number;
            readonly hostsInMesh: number;
            readonly id: string;
            readonly isPartial: boolean;
            readonly startedMs: number;
            readonly subject: string;
            readonly totals: components["schemas"]["ShadowTotals"];
            readonly unlisted: number;
        };
        readonly ShadowReply: {
            readonly shadow?: components["schemas"]["ShadowInfo"];
        };
        readonly ShadowSample: {
            readonly atMs: number;
            readonly decision?: string;
            readonly path: string;
            readonly requestId?: string;
        };
        readonly ShadowTotals: {
            readonly compared: number;
            readonly missed: number;
            readonly newlyAllowed: number;
            readonly newlyDenied: number;
            readonly uncertain: number;
        };
        readonly StatusReply: {
            readonly atMs: number;
            readonly commit: string;
            readonly counters?: components["schemas"]["XdsCounts"];
            readonly desks?: readonly components["schemas"]["DeskStatus"][];
            readonly isPast: boolean;
            readonly mesh: string;
            readonly recent: readonly components["schemas"]["MeshEvent"][];
            readonly refused?: components["schemas"]["RefusedCommit"];
            readonly replicas: readonly components["schemas"]["ReplicaStatus"][];
            readonly subject: string;
            readonly trustDomain: string;
            readonly waiting?: components["schemas"]["WaitingCommit"];
            readonly warnings: readonly components["schemas"]["Finding"][];
            readonly withheld: readonly components["schemas"]["WithheldResource"][];
            readonly workloads: readonly components["schemas"]["WorkloadStatus"][];
        };
        readonly UpgradeReply: {
            readonly before?: string;
            readonly held: number;
            readonly proxies: number;
            readonly refused?: components["schemas"]["Finding"];
            readonly resources: readonly string[];
            readonly rollout?: components["schemas"]["Rollout"];
            readonly version: string;
        };
        readonly Verdict: {
            /** @constant */
            readonly kind: "checking";
        } | {
            readonly approvedBy?: string;
            readonly atMs: number;
            /** @constant */
            readonly kind: "accepted";
            readonly warnings: readonly components["schemas"]["Finding"][];
        } | {
            readonly atMs: number;
            readonly findings: readonly components["schemas"]["Finding"][];
            /** @constant */
            readonly kind: "refused";
        } | {
            readonly atMs: number;
            readonly findings: readonly components["schemas"]["Finding"][];
            /** @constant */
            readonly kind: "waiting";
        } | {
            readonly atMs: number;
            readonly by: string;
            /** @constant */
            readonly kind: "superseded";
        };
        readonly VerdictsReply: {
            readonly verdicts: readonly components["schemas"]["CommitVerdict"][];
        };
        readonly WaitingCommit: {
            readonly codes: readonly string[];
            readonly commit: string;
            readonly subject: string;
        };
        readonly WithheldResource: {
            readonly from: readonly {
                readonly file: string;
                readonly line: number;
            }[];
            readonly message: string;
            readonly proxies: readonly string[];
            readonly resource: string;
            readonly sinceMs: number;
            readonly version: string;
        };
        readonly WorkloadId: string;
        readonly WorkloadStatus: {
            readonly hangs?: boolean;
            readonly proxy: components["schemas"]["ProxyStanding"];
            readonly rejected: readonly components["schemas"]["RejectedResource"][];
            readonly servedBy?: string;
            readonly sinceMs: number;
            readonly waitsFor: readonly components["schemas"]["AwaitedResource"][];
            readonly workload: {
                readonly address?: string;
                readonly appPort?: number;
                readonly egressPort?: number;
                readonly host: string;
                readonly id: string;
                readonly ingressPort?: number;
                readonly service: string;
                /** @enum {unknown} */
                readonly state: "draining" | "ready" | "unhealthy";
                readonly version: string;
            };
        };
        readonly XdsCounts: {
            readonly acks: number;
            readonly bytes: number;
            readonly dirtyAgeMs: number;
            readonly drained: number;
            readonly forgottenNames: number;
            readonly healed: number;
            readonly incomplete: number;
            readonly nacks: number;
            readonly pushes: number;
            readonly pushesWithoutEffect: number;
            readonly quarantined: number;
            readonly slowReaders: number;
            readonly staleNonce: number;
            readonly streams: number;
            readonly streamsOpened: number;
            readonly stuck: number;
            readonly unknownType: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type ApiTokenInfo = components['schemas']['ApiTokenInfo'];
export type ApiTokenReply = components['schemas']['ApiTokenReply'];
export type ApiTokensReply = components['schemas']['ApiTokensReply'];
export type AwaitedResource = components['schemas']['AwaitedResource'];
export type BranchState = components['schemas']['BranchState'];
export type BreakglassReply = components['schemas']['BreakglassReply'];
export type BreakglassStepReply = components['schemas']['BreakglassStepReply'];
export type CaGenerationReply = components['schemas']['CaGenerationReply'];
export type CaReply = components['schemas']['CaReply'];
export type CaRequestReply = components['schemas']['CaRequestReply'];
export type CommitPlace = components['schemas']['CommitPlace'];
export type CommitReply = components['schemas']['CommitReply'];
export type CommitVerdict = components['schemas']['CommitVerdict'];
export type DeskStanding = components['schemas']['DeskStanding'];
export type DeskStatus = components['schemas']['DeskStatus'];
export type Effect = components['schemas']['Effect'];
export type EndpointReply = components['schemas']['EndpointReply'];
export type FederationReply = components['schemas']['FederationReply'];
export type Finding = components['schemas']['Finding'];
export type Flow = components['schemas']['Flow'];
export type FlowsReply = components['schemas']['FlowsReply'];
export type Grant = components['schemas']['Grant'];
export type GrantInfo = components['schemas']['GrantInfo'];
export type GrantReach = components['schemas']['GrantReach'];
export type GrantState = components['schemas']['GrantState'];
export type HeldIdentity = components['schemas']['HeldIdentity'];
export type HostHealth = components['schemas']['HostHealth'];
export type HostReply = components['schemas']['HostReply'];
export type HostsReply = components['schemas']['HostsReply'];
export type HostStanding = components['schemas']['HostStanding'];
export type HostTrouble = components['schemas']['HostTrouble'];
export type HostTroubleKind = components['schemas']['HostTroubleKind'];
export type IntentFile = components['schemas']['IntentFile'];
export type IntentReply = components['schemas']['IntentReply'];
export type JoinTokenReply = components['schemas']['JoinTokenReply'];
export type LedgerEntry = components['schemas']['LedgerEntry'];
export type LedgerReply = components['schemas']['LedgerReply'];
export type LiveReply = components['schemas']['LiveReply'];
export type MadePlace = components['schemas']['MadePlace'];
export type MadeReply = components['schemas']['MadeReply'];
export type MeshEvent = components['schemas']['MeshEvent'];
export type PassedGate = components['schemas']['PassedGate'];
export type PeerReply = components['schemas']['PeerReply'];
export type Position = components['schemas']['Position'];
export type ProxyReply = components['schemas']['ProxyReply'];
export type ProxyResource = components['schemas']['ProxyResource'];
export type ProxyStanding = components['schemas']['ProxyStanding'];
export type ReadyCheck = components['schemas']['ReadyCheck'];
export type ReadyReply = components['schemas']['ReadyReply'];
export type RefusedCommit = components['schemas']['RefusedCommit'];
export type RefusedReply = components['schemas']['RefusedReply'];
export type RejectedResource = components['schemas']['RejectedResource'];
export type ReplicaStatus = components['schemas']['ReplicaStatus'];
export type RevisionsReply = components['schemas']['RevisionsReply'];
export type Rollout = components['schemas']['Rollout'];
export type RolloutState = components['schemas']['RolloutState'];
export type RotationReply = components['schemas']['RotationReply'];
export type RuleUse = components['schemas']['RuleUse'];
export type SealedBy = components['schemas']['SealedBy'];
export type ServiceFlows = components['schemas']['ServiceFlows'];
export type Severity = components['schemas']['Severity'];
export type ShadowDifference = components['schemas']['ShadowDifference'];
export type ShadowEffect = components['schemas']['ShadowEffect'];
export type ShadowInfo = components['schemas']['ShadowInfo'];
export type ShadowReply = components['schemas']['ShadowReply'];
export type ShadowSample = components['schemas']['ShadowSample'];
export type ShadowTotals = components['schemas']['ShadowTotals'];
export type StatusReply = components['schemas']['StatusReply'];
export type UpgradeReply = components['schemas']['UpgradeReply'];
export type Verdict = components['schemas']['Verdict'];
export type VerdictsReply = components['schemas']['VerdictsReply'];
export type WaitingCommit = components['schemas']['WaitingCommit'];
export type WithheldResource = components['schemas']['WithheldResource'];
export type WorkloadId = components['schemas']['WorkloadId'];
export type WorkloadStatus = components['schemas']['WorkloadStatus'];
export type XdsCounts = components['schemas']['XdsCounts'];
export type $defs = Record<string, never>;
export interface operations {
    readonly getHealthz: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description whether the process runs */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LiveReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getMetrics: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description metrics of the control plane, for Prometheus */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getOpenapi: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description this document */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": Record<string, never>;
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getReadyz: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description whether it can serve, and what cannot; 503 if not */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ReadyReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description it cannot serve */
            readonly 503: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ReadyReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postApprovals: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly commit: string;
                };
            };
        };
        readonly responses: {
            /** @description let a commit pass a guard rail */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CommitVerdict"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getBreakglass: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description access that was granted beside Git */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BreakglassReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postBreakglass: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly callee: string;
                    readonly forMs: number;
                    readonly operations?: string;
                    readonly reason: string;
                    readonly ticket?: string;
                    readonly who: string;
                };
            };
        };
        readonly responses: {
            /** @description grant access beside Git, for a time; answers when it is live */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BreakglassStepReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getBreakglassByName: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description one such grant */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BreakglassReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postBreakglassApprove: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                };
            };
        };
        readonly responses: {
            /** @description let a grant of somebody else take effect */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BreakglassStepReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postBreakglassRevoke: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                };
            };
        };
        readonly responses: {
            /** @description end a grant now */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BreakglassStepReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getCa: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what signs, and where a rotation stands */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CaReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postCaImports: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly chain: string;
                    /** @enum {unknown} */
                    readonly driven: "auto" | "hand";
                    readonly key?: string;
                    readonly root?: string;
                };
            };
        };
        readonly responses: {
            /** @description take what the company's CA signed */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CaReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postCaRequests: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly replace: boolean;
                };
            };
        };
        readonly responses: {
            /** @description a key for the company's CA */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CaRequestReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postCaSteps: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    /** @enum {unknown} */
                    readonly driven?: "auto" | "hand";
                    readonly force?: boolean;
                    /** @enum {unknown} */
                    readonly step: "prepare" | "activate" | "taint" | "revoke" | "abandon";
                    /** @enum {unknown} */
                    readonly what?: "root" | "intermediate" | "own-root";
                };
            };
        };
        readonly responses: {
            /** @description one step of a rotation */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CaReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getEvents: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what happens from now on, one JSON a line */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": components["schemas"]["MeshEvent"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getFederation: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description trust domains that are believed */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["FederationReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postFederationRefresh: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    readonly trustDomain: string;
                };
            };
        };
        readonly responses: {
            /** @description fetch a bundle now */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["PeerReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getFlows: {
        readonly parameters: {
            readonly query?: {
                /** @description only of this service */
                readonly service?: string;
                /** @description only what came since; milliseconds since the epoch */
                readonly since?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description who came in to services lately */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["FlowsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getHosts: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description every host */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HostsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getHostsByName: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description one host */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HostsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postHostsBan: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly reason: string;
                };
            };
        };
        readonly responses: {
            /** @description cut a host off */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HostsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postHostsEvict: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly reason: string;
                };
            };
        };
        readonly responses: {
            /** @description forget a host */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HostsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getIntent: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
                /** @description that commit; by its whole id */
                readonly commit?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what the mesh runs on, file by file */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IntentReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postJoinTokens: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly host: string;
                    readonly replaces: boolean;
                    readonly ttlSeconds: number;
                };
            };
        };
        readonly responses: {
            /** @description a token for one new host */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["JoinTokenReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getLedger: {
        readonly parameters: {
            readonly query?: {
                /** @description with beforeSeq, the page after the entry of this time; milliseconds since the epoch */
                readonly beforeMs?: number;
                /** @description and of this number */
                readonly beforeSeq?: number;
                /** @description only what this person or program did */
                readonly by?: string;
                /** @description only of these kinds */
                readonly kind?: readonly string[];
                /** @description at most so many */
                readonly limit?: number;
                /** @description not before; milliseconds since the epoch */
                readonly since?: number;
                /** @description only of this proxy, commit, host or SPIFFE ID */
                readonly subject?: string;
                /** @description not after; milliseconds since the epoch */
                readonly until?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what happened: by subject, kind and time, newest first */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getProxiesByName: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what a proxy runs or ran, from which lines */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ProxyReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getResources: {
        readonly parameters: {
            readonly query?: {
                /** @description type, version and name */
                readonly id?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what a version of a resource stands for */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["MadeReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getRevisions: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description revisions and their waves since the control plane started, newest first; with `at` those of the ledger */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RevisionsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postRevisionsSteps: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly commit?: string;
                    /** @enum {unknown} */
                    readonly step: "halt" | "resume" | "rollback";
                };
            };
        };
        readonly responses: {
            /** @description halt, resume or take back the revision that is under way */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RevisionsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getShadow: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what a policy that rides along would do otherwise */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ShadowReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postShadow: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    readonly branch: string;
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly commit: string;
                    readonly files?: string;
                    readonly forMs: number;
                    readonly subject: string;
                };
            };
        };
        readonly responses: {
            /** @description let the policy of a commit ride along with live traffic, deciding nothing */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ShadowReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postShadowStop: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                };
            };
        };
        readonly responses: {
            /** @description end what rides along */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ShadowReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getStatus: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description proxies, workloads, the running commit, warnings */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["StatusReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getTokens: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description tokens for this API; their secrets are not kept */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiTokensReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postTokens: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                    readonly name: string;
                    /** @enum {unknown} */
                    readonly role: "viewer" | "operator" | "admin";
                    readonly ttlSeconds: number;
                };
            };
        };
        readonly responses: {
            /** @description make a token for this API */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiTokenReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly postTokensRevoke: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description taken on the socket of the same machine only; else it is who was authenticated */
                    readonly by?: string;
                };
            };
        };
        readonly responses: {
            /** @description end a token now */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiTokensReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getVerdicts: {
        readonly parameters: {
            readonly query?: {
                /** @description as it was then, as far as the ledger holds it; milliseconds since the epoch */
                readonly at?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description what became of each commit, newest first */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["VerdictsReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
    readonly getVerdictsByName: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description whether a commit is live, and where */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CommitReply"];
                };
            };
            /** @description the body or a parameter is not what it takes */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description who asks is not known */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description the role is not enough */
            readonly 403: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
            /** @description a refusal, with its reason */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RefusedReply"];
                };
            };
        };
    };
}

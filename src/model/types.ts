import type { Brand } from '../base/brand.ts';
import type { Position } from '../base/finding.ts';
import type {
  AttributeDeclaration,
  AttributeValue,
  Conditions,
  Guest,
  TokenIssuer,
} from './condition-types.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** DNS-label-like: `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most 63 characters. */
export type ServiceName = Brand<string, 'ServiceName'>;
/** Lower-case SPIFFE trust domain name: `[a-z0-9.-_]+`, at most 255 characters. */
export type TrustDomain = Brand<string, 'TrustDomain'>;
/** A version label such as `v1`: `[a-z0-9]([a-z0-9._-]*[a-z0-9])?`, at most 63 characters. */
export type VersionName = Brand<string, 'VersionName'>;
/** Stable across commits that do not touch the rule; unique in its service. Never holds a line number or commit. */
export type RuleId = Brand<string, 'RuleId'>;
export type RouteId = Brand<string, 'RouteId'>;
export type RoleName = Brand<string, 'RoleName'>;
/** Names a machine in the mesh: `[a-z0-9]([a-z0-9.-]*[a-z0-9])?`, at most 63 characters. */
export type HostName = Brand<string, 'HostName'>;

export type Protocol = 'http' | 'http2' | 'grpc' | 'tcp';

/** What a folder of YAML says, parsed and checked as a whole. Immutable; the input of compile and policy. */
export interface Intent {
  readonly mesh: Mesh;
  /** Sorted by name. */
  readonly services: ReadonlyMap<ServiceName, Service>;
}

export interface Mesh {
  readonly at: Position;
  readonly name: string;
  readonly trustDomain: TrustDomain;
  /** Role name to its services, roles inside roles resolved; sorted. */
  readonly roles: ReadonlyMap<RoleName, readonly ServiceName[]>;
  /** Those of a role that are no services of this mesh; roles without any are not there. */
  readonly guests: ReadonlyMap<RoleName, readonly Guest[]>;
  /** What services may say of themselves, for conditions; sorted by name. */
  readonly attributes: ReadonlyMap<string, AttributeDeclaration>;
  /** Whose tokens are believed; sorted by name. */
  readonly issuers: ReadonlyMap<string, TokenIssuer>;
  readonly defaults: Defaults;
  /** Sorted by host. */
  readonly deskPool: readonly DeskMember[];
  readonly hosts: Admission;
  readonly ca: CaLifetimes;
  /** Trust domains that this mesh federates with; sorted. */
  readonly peers: ReadonlyMap<TrustDomain, TrustPeer>;
  /** Who may use the operators' API with a certificate of the mesh; sorted. */
  readonly operators: ReadonlyMap<SpiffeId, OperatorRole>;
  readonly breakglass: BreakglassRules;
}

/** Who may grant access beside Git, and how: `breakglass` in mesh.yaml. */
export interface BreakglassRules {
  /** How many operators it takes. */
  readonly approvals: 1 | 2;
  /** How long a grant may be in effect. */
  readonly forMsMax: number;
  /** Whether a grant must name one. */
  readonly ticket: 'required' | 'optional';
  /** Operators as they are authenticated, such as `token oncall`; undefined: any operator. */
  readonly who: readonly NamedOperator[] | undefined;
}

export interface NamedOperator {
  readonly name: string;
  readonly at: Position;
}

/** Each may do what those before it may. */
export type OperatorRole = 'viewer' | 'operator' | 'admin';

/** Another trust domain, and where its bundle is read (SPIFFE Federation, section 5.1). */
export interface TrustPeer {
  readonly at: Position;
  readonly trustDomain: TrustDomain;
  /** https, without userinfo. */
  readonly endpoint: string;
  /** How the endpoint is authenticated. */
  readonly auth:
    | {
        readonly profile: 'https_web';
        /** PEM; the public CAs when undefined. */
        readonly ca: string | undefined;
      }
    | { readonly profile: 'https_spiffe'; readonly endpointId: SpiffeId };
  /** The bundle to begin with, JSON. */
  readonly bundle: string | undefined;
}

/** How long a CA that is made next lives: `ca` in mesh.yaml. The company's own root lives as it does. */
export interface CaLifetimes {
  readonly rootTtlSeconds: number;
  readonly intermediateTtlSeconds: number;
}

/** How machines come into the mesh: `hosts` in mesh.yaml. A way that is not named there admits nobody. */
export interface Admission {
  readonly joinToken: {
    /** The longest life that `chancery host token` may give one. */
    readonly ttlSecondsMax: number;
  };
  /** By a certificate of the company's own, which the machine has already. */
  readonly x509pop: X509Admission | undefined;
  /** A host that was away for longer than this proves itself anew, as at the first time. */
  readonly rejoinSecondsMax: number;
  readonly tpm: TpmAdmission | undefined;
  readonly awsIid: AwsIidAdmission | undefined;
}

export interface TpmAdmission {
  /** By the SHA-256 of the endorsement key (SubjectPublicKeyInfo), in small hex: who has it, and is named so. */
  readonly known: ReadonlyMap<string, HostName>;
  /** CAs of makers: a TPM that one of them has certified comes in under a name made of its key. */
  readonly roots: RootsText | undefined;
}

export interface AwsIidAdmission {
  /** Twelve digits each; never empty. */
  readonly accounts: readonly string[];
  /** Of the signers of instance identity documents, one a region, DER; never empty. */
  readonly certificates: readonly Uint8Array[];
  /** How long after its start an instance may come in. */
  readonly ageSecondsMax: number;
}

/** CA certificates as they stand in the file; what is in them is looked at where certificates are read. */
export interface RootsText {
  readonly at: Position;
  readonly rootsPem: string;
}

export interface X509Admission extends RootsText {
  /** What of the certificate names the host. */
  readonly name: 'common_name' | 'dns' | 'fingerprint';
}

export interface Defaults {
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly svidTtlSeconds: number;
  readonly decide: Decider;
  readonly desk: DeskPlace;
}

/** Whose desk proxies ask: that of the agent on their host, or the pool. */
export type DeskPlace = 'agent' | 'pool';

/** A process that answers proxies of other hosts (`chancery authz`). */
export interface DeskMember {
  readonly at: Position;
  /** The host as which it joined: the identity that it shows. */
  readonly host: HostName;
  /** A DNS name or an IP address. */
  readonly address: string;
  readonly port: number;
}

/** Who decides about requests: the proxy what it can, or the desk everything. */
export type Decider = 'proxy' | 'desk';

export interface Service {
  readonly name: ServiceName;
  readonly at: Position;
  readonly owner: string;
  readonly protocol: Protocol;
  /** Where the application listens on its own host. */
  readonly port: number;
  readonly health: HealthCheck | undefined;
  readonly identity: Identity;
  /** Of those that mesh.yaml declares; sorted by name. */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  /** What it says itself; the default of the mesh when undefined. */
  readonly decide: Decider | undefined;
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
  /** In file order: the first match wins. Always ends with a route that matches everything. */
  readonly routes: readonly Route[];
  /** Versions this service runs or routes to; sorted; at least one. */
  readonly versions: readonly VersionName[];
  /** How `chancery up` starts the application, one entry a version. Empty: `up` does not start it. */
  readonly run: ReadonlyMap<VersionName, RunCommand>;
  /** TCP upstreams this service wants on a local port of its own, and other caller-side wishes. */
  readonly calls: readonly Call[];
  readonly tests: readonly IntentTest[];
}

/** `health: GET /healthz` or, for tcp and grpc, `health: connect` / `health: grpc`. */
export type HealthCheck =
  | {
      readonly kind: 'http';
      readonly method: 'GET' | 'HEAD';
      readonly path: string;
      /** Where the service speaks nothing else. */
      readonly over?: 'http2';
    }
  | { readonly kind: 'grpc' }
  | { readonly kind: 'connect' };

/** Selectors a process must show to be this service; all that are given must hold. */
export interface Identity {
  readonly at: Position;
  readonly selectors: readonly Selector[];
  /** What the host must show; any host of the mesh when empty. Of kind `host:…`, values with `*` for any characters. */
  readonly hostSelectors: readonly Selector[];
}

export interface Selector {
  /** For example `unix:user`, `unix:uid`, `unix:group`, `unix:path`, `unix:sha256`, `systemd:unit`. */
  readonly kind: string;
  readonly value: string;
}

export interface Rule {
  readonly id: RuleId;
  readonly at: Position;
  readonly effect: 'allow' | 'deny';
  readonly from: readonly Principal[];
  /** A request matches the rule when it matches any of these; never empty. */
  readonly to: readonly Operation[];
  /** Undefined: who and what is all that counts. */
  readonly conditions: Conditions | undefined;
  /** `audit`: it decides nothing, and says what it would have done. */
  readonly mode: 'enforce' | 'audit';
  readonly description: string | undefined;
}

/** Who. A role is kept by name (for the reason) next to its members. `any`: every service of this mesh. */
export type Principal =
  | { readonly kind: 'any' }
  | { readonly kind: 'service'; readonly service: ServiceName }
  | {
      readonly kind: 'role';
      readonly role: RoleName;
      readonly services: readonly ServiceName[];
      readonly guests: readonly Guest[];
    }
  | { readonly kind: 'guest'; readonly guest: Guest };

/** What. `tcp` services have only `{ kind: 'connect' }`. */
export type Operation =
  | {
      readonly kind: 'http';
      /** An upper-case method, or `*` for any. */
      readonly method: string;
      readonly path: PathPattern;
    }
  | {
      readonly kind: 'grpc' /** `pkg.Service` or `*`. */;
      readonly service: string /** `Method` or `*`. */;
      readonly method: string;
    }
  | { readonly kind: 'connect' };

/**
 * `/a/b` exact, `*` one whole segment, a final `**` any rest (also none: `/a/**` matches `/a`, `/a/` and `/a/b`).
 * `text` is what the file says; `segments` holds literals, `*` and at most one final `**`.
 */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly string[];
}

export interface Route {
  /** `default` for the route that matches everything, else derived from the match or given. */
  readonly id: RouteId;
  readonly at: Position;
  readonly match: RouteMatch;
  /** Sums to 100; sorted by version. `to: v2` is one entry of weight 100. */
  readonly split: readonly WeightedVersion[];
  readonly timeoutMs: number | undefined;
  readonly retry: Retry | undefined;
  /** `open`: what of it only a desk can decide is let in while none answers. Its match is of path and method alone then. */
  readonly deskAway: 'closed' | 'open';
}

export interface RouteMatch {
  readonly path: PathPattern | undefined;
  readonly method: string | undefined;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
}

/** `"1"` exact; `"*"` present with any value. Names of headers are lower-case. */
export interface ValueMatch {
  readonly name: string;
  readonly value: { readonly kind: 'exact'; readonly text: string } | { readonly kind: 'present' };
}

export interface WeightedVersion {
  readonly version: VersionName;
  readonly weight: number;
}

export interface Retry {
  /** Retries after the first attempt: 1 to 5. */
  readonly attempts: number;
  readonly perTryTimeoutMs: number | undefined;
  /** Default `safe`: connect failures and refused streams always, 5xx only for GET, HEAD, OPTIONS and PUT-free reads. */
  readonly on: 'safe' | 'always';
}

export interface RunCommand {
  readonly at: Position;
  /** Split into words by shell-like quoting; run without a shell, in the intent folder. */
  readonly command: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** Own port of this version's process; undefined: the service's port for the first version, a free one for others. */
  readonly port: number | undefined;
}

export interface Call {
  readonly at: Position;
  readonly service: ServiceName;
  /** For tcp services: the local port on which the caller reaches it. */
  readonly localPort: number | undefined;
}

export interface IntentTest {
  readonly at: Position;
  readonly name: string;
  readonly from: ServiceName;
  readonly to: ServiceName;
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The claims of a token that counts as verified; none: the request carries no token. */
  readonly token: TestToken | undefined;
  readonly expect: 'allow' | 'deny';
}

/** Stands for a token that an issuer of mesh.yaml has signed. */
export interface TestToken {
  /** A name of `issuers`; the only one when left out. */
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly claims: ReadonlyMap<string, string>;
}

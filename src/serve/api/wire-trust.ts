import type { Finding } from '../../base/finding.ts';

/** The JSON of the control API about the CA and the trust domains that the mesh federates with. */

/** GET /v1/ca */
export interface CaReply {
  readonly trustDomain: string;
  readonly sequence: number;
  readonly rotation: RotationReply;
  readonly active: CaGenerationReply;
  /** Whom the next step waits for. */
  readonly waitingFor: readonly { readonly host: string; readonly what: string }[];
  /** A key that waits for its certificate from the company's CA. */
  readonly request: CaRequestReply | undefined;
  /** The company's CA, where one is plugged in. */
  readonly upstream: string | undefined;
  /** What ends soon or has ended, and why nothing can be signed; each with its way on. */
  readonly warnings: readonly Finding[];
}

export interface CaRequestReply {
  readonly createdMs: number;
  readonly by: string;
  /** PKCS#10. */
  readonly pem: string;
}

/** POST /v1/ca/requests */
export interface CaRequestBody {
  readonly replace: boolean;
  readonly by: string;
}

/** POST /v1/ca/imports: PEM texts. */
export interface CaImportRequest {
  readonly chain: string;
  readonly root?: string;
  readonly key?: string;
  readonly driven: 'auto' | 'hand';
  readonly by: string;
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
  /** `own-root`: also where the root is the company's, which is then left. */
  readonly what?: 'root' | 'intermediate' | 'own-root';
  readonly driven?: 'auto' | 'hand';
  /** Go on although somebody would be cut off. */
  readonly force?: boolean;
  readonly by: string;
}

/** GET /v1/federation */
export interface FederationReply {
  readonly trustDomain: string;
  /** The mesh's own bundle as partners read it. */
  readonly document: string;
  readonly sequence: number;
  /** Undefined: this control plane serves no bundle. */
  readonly endpoint: EndpointReply | undefined;
  readonly peers: readonly PeerReply[];
}

export interface EndpointReply {
  readonly profile: 'https_web' | 'https_spiffe';
  readonly port: number;
  /** With https_spiffe: the SPIFFE ID that it presents. */
  readonly endpointId: string | undefined;
}

/** A trust domain that the mesh federates with, and how fresh its bundle is. */
export interface PeerReply {
  readonly trustDomain: string;
  readonly endpoint: string;
  readonly profile: 'https_web' | 'https_spiffe';
  readonly endpointId: string | undefined;
  readonly source: 'none' | 'seed' | 'fetched';
  /** Of 64 bits, so as text. */
  readonly sequence: string | undefined;
  readonly x509Roots: number;
  readonly jwtKids: readonly string[];
  readonly fetchedMs: number | undefined;
  readonly nextMs: number | undefined;
  readonly refreshMs: number;
  readonly state: 'waiting' | 'fresh' | 'failing';
  readonly failingSinceMs: number | undefined;
  readonly problem: Finding | undefined;
}

/** POST /v1/federation/refresh: fetches now; answered with a PeerReply when that has ended. */
export interface FederationRefreshRequest {
  readonly trustDomain: string;
}

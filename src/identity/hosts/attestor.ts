import type { Json } from '../../base/json.ts';
import type { HostName, Selector } from '../../model/types.ts';

/** What is known of a machine once it has proven it. */
export interface HostProof {
  readonly name: HostName;
  /**
   * What the proof hangs on and no other machine has, such as `x509:<sha256 of the certificate>` or `tpm:<hash of the
   * endorsement key>`: a host of the same name with another anchor is another machine, and is refused.
   */
  readonly anchor: string;
  /** Of kind `host:…`; services may ask for them. */
  readonly selectors: readonly Selector[];
}

/** Where an attestation stands after what the agent sent last. */
export type AttestationStep =
  | { readonly kind: 'proven'; readonly proof: HostProof }
  | {
      readonly kind: 'challenge';
      readonly challenge: Json;
      readonly answered: (answer: Json) => Promise<AttestationStep>;
    }
  /** In words for the operator of that host. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface AttestationRequest {
  readonly evidence: Json;
  /** The key that the host's certificate will be for; the agent has proven that it holds it. SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Uint8Array;
  readonly nowMs: number;
}

/**
 * One way in which a machine proves which one it is: the control plane's side. The agent's side is a `HostProver` of the
 * same method. A new way (a cloud's identity document, say) is one file of each.
 */
export interface HostAttestor {
  readonly method: string;
  begin(request: AttestationRequest): Promise<AttestationStep>;
}

/** The agent's side of one method. Rejects when the machine cannot prove it, with words for its operator. */
export interface HostProver {
  readonly method: string;
  evidence(publicKeySpki: Uint8Array): Promise<Json>;
  /** Not called for methods without a challenge. */
  answer(challenge: Json): Promise<Json>;
}

export function refused(reason: string): AttestationStep {
  return { kind: 'refused', reason };
}

import type { Result } from '../base/result.ts';
import type { CaChain } from './import-chain.ts';

/** What is to be signed: a key of ours, as a CA below the company's. */
interface UpstreamRequest {
  /** PKCS#10, DER. */
  readonly csrDer: Uint8Array;
  readonly lifetimeSeconds: number;
  readonly nowMs: number;
}

/** The company's CA as it is now. */
export interface UpstreamView {
  /** Root certificates, DER: what it signs chains to one of them. */
  readonly rootsDer: readonly Uint8Array[];
  /** When what signs now began and ends. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * A CA of the company's that signs our intermediates whenever one is due. What it gives is checked like anything that is
 * imported; an implementation only asks. Errors are sentences: why it cannot sign now.
 */
export interface UpstreamCa {
  /** For people: what and where it is. */
  readonly name: string;
  look(): Promise<Result<UpstreamView, string>>;
  sign(request: UpstreamRequest): Promise<Result<CaChain, string>>;
}

import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { readCsr } from '../../identity/csr.ts';
import type { AttestationStep, HostAttestor, HostProof } from '../../identity/hosts/attestor.ts';
import type { AttestAnswer, AttestRequest } from '../../serve/api/wire.ts';

/** A machine that has proven itself, and the request for its certificate. */
export interface ProvenHost {
  readonly method: string;
  readonly proof: HostProof;
  readonly csrDer: Uint8Array;
  readonly publicKeySpki: Uint8Array;
}

export type AttestationProgress =
  | { readonly kind: 'challenge'; readonly session: string; readonly challenge: unknown }
  | { readonly kind: 'proven'; readonly host: ProvenHost };

interface Session {
  readonly method: string;
  readonly csrDer: Uint8Array;
  readonly publicKeySpki: Uint8Array;
  readonly answered: (answer: AttestAnswer['answer']) => Promise<AttestationStep>;
  readonly cancel: () => void;
}

/** Between a challenge and its answer; a TPM takes a second or two. */
const sessionMs = 30_000;
/** Machines that join at one moment; beyond it the next ones come again. */
const sessionsMax = 1_000;
const sessionIdBytes = 16;

type Refusal = Omit<Finding, 'severity'>;

/** Leads machines through the challenges of their method. */
export class Attestations {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async begin(
    attestors: ReadonlyMap<string, HostAttestor>,
    { method, evidence, csr }: AttestRequest,
  ): Promise<Result<AttestationProgress, Refusal>> {
    const attestor = attestors.get(method);
    if (attestor === undefined) {
      return err({
        code: 'CH3101',
        message: `hosts are not admitted by "${method}"`,
        expected: `one of ${[...attestors.keys()].join(', ')}`,
        help: 'mesh.yaml says under `hosts:` how machines come into the mesh',
      });
    }
    const csrDer = Buffer.from(csr, 'base64');
    const request = readCsr(csrDer);
    if (!request.ok) {
      return err({ code: 'CH3004', message: `the request for a certificate: ${request.error}` });
    }
    const { publicKeySpki } = request.value;
    const step = await attestor.begin({ evidence, publicKeySpki, nowMs: this.#clock.nowMs() });
    return this.#next({ method, csrDer, publicKeySpki }, step);
  }

  async answer({ session, answer }: AttestAnswer): Promise<Result<AttestationProgress, Refusal>> {
    const open = this.#sessions.get(session);
    if (open === undefined) return err(notProven('its answer came too late, or twice'));
    // Once: what was asked is never asked again.
    this.#sessions.delete(session);
    open.cancel();
    return this.#next(open, await open.answered(answer));
  }

  #next(
    host: Pick<Session, 'method' | 'csrDer' | 'publicKeySpki'>,
    step: AttestationStep,
  ): Result<AttestationProgress, Refusal> {
    const { method, csrDer, publicKeySpki } = host;
    switch (step.kind) {
      case 'refused':
        return err(notProven(step.reason));
      case 'proven':
        return ok({ kind: 'proven', host: { method, csrDer, publicKeySpki, proof: step.proof } });
      case 'challenge': {
        if (this.#sessions.size >= sessionsMax) return err(notProven('too many join at once'));
        const session = Buffer.from(this.#random.bytes(sessionIdBytes)).toString('base64url');
        const cancel = this.#clock.after(sessionMs, () => this.#sessions.delete(session));
        const { answered, challenge } = step;
        this.#sessions.set(session, { method, csrDer, publicKeySpki, answered, cancel });
        return ok({ kind: 'challenge', session, challenge });
      }
    }
  }
}

function notProven(reason: string): Refusal {
  return { code: 'CH3106', message: `this host is not admitted: ${reason}` };
}

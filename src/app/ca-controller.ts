import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import type { Authority } from '../identity/authority.ts';
import type { CaGeneration } from '../identity/ca-generation.ts';
import { type CaState, nextStep, partnersOut, type Rotation } from '../identity/rotation.ts';
import type {
  CaGenerationReply,
  CaReply,
  CaStepRequest,
  RotationReply,
} from '../serve/api/wire.ts';
import type { Confirmations } from './confirmations.ts';

export interface CaControllerOptions {
  readonly authority: Authority;
  readonly confirmations: Confirmations;
  /** Hosts that the mesh knows: each must confirm. */
  readonly hosts: () => Iterable<string>;
  /** How long partners have to read a new bundle before anything is signed with it; 0 without partners. */
  readonly partnersNoticeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A gate that opened without a report (tokens that end) is noticed within this. */
const lookEveryMs = 1_000;

/** Drives the CA: by its schedule, by a person's steps, and through the gates of a rotation that drives itself. */
export class CaController {
  readonly #options: CaControllerOptions;
  #cancel = (): void => {};
  #moving: Promise<unknown> = Promise.resolve();
  #looking = false;

  constructor(options: CaControllerOptions) {
    this.#options = options;
    options.confirmations.onChange(() => this.#look());
  }

  start(): void {
    const round = (): void => {
      this.#look();
      this.#cancel = this.#options.clock.after(lookEveryMs, round);
    };
    round();
  }

  stop(): void {
    this.#cancel();
  }

  get reply(): CaReply {
    const { state, trustDomain } = this.#options.authority;
    return {
      trustDomain,
      sequence: state.sequence,
      rotation: rotationReply(state),
      active: generationReply(state.active),
      waitingFor: this.#waitingFor(),
    };
  }

  /** Errors: why the step cannot come, and whom it waits for. */
  step(request: CaStepRequest): Promise<Result<CaState, string>> {
    const run = this.#moving.then(() => this.#step(request));
    this.#moving = run.catch(() => {});
    return run;
  }

  async #step(request: CaStepRequest): Promise<Result<CaState, string>> {
    const { authority } = this.#options;
    const { step, by, force = false } = request;
    if (step === 'prepare') {
      const prepare = authority.prepareStep(request.what ?? 'root', request.driven ?? 'hand');
      return prepare.ok ? authority.step(prepare.value, by) : prepare;
    }
    const [first, ...others] = step === 'abandon' ? [] : this.#waitingFor();
    if (first !== undefined && !force) {
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return err(`${step} would cut off: ${first.host} ${first.what}${more}`);
    }
    return authority.step({ kind: step }, by);
  }

  #waitingFor(): CaReply['waitingFor'] {
    const { authority, confirmations, hosts, clock, partnersNoticeMs } = this.#options;
    const nowMs = clock.nowMs();
    const partners = partnersOut(authority.state, { nowMs, noticeMs: partnersNoticeMs });
    return [...authority.waitingFor(confirmations.of(hosts())), ...partners];
  }

  #look(): void {
    const { state } = this.#options.authority;
    const due = dueStep(state, this.#options.clock.nowMs());
    if (due === undefined || this.#looking) return;
    if (due.step !== 'prepare' && this.#waitingFor().length > 0) return;
    this.#looking = true;
    void this.#drive(due).finally(() => {
      this.#looking = false;
      // The next gate may be open already.
      if (this.#options.authority.state !== state) this.#look();
    });
  }

  async #drive(due: CaStepRequest): Promise<void> {
    const { log } = this.#options;
    try {
      const result = await this.step(due);
      const { step, by } = due;
      if (result.ok) log.info('the CA moved', { step, by, sequence: result.value.sequence });
      else log.warn('the CA did not move', { step, by, problem: result.error });
    } catch (error) {
      log.error('the store did not take the CA', { problem: messageOf(error) });
    }
  }
}

/** Half of an intermediate's life; what remains is for hosts that are away for long. */
const prepareAtFraction = 0.5;
/** A root is replaced with its intermediate when the next intermediate would be cut short by it. */
const rootMarginFraction = 0.25;

/** The step that the schedule or a rotation under way wants now. */
export function dueStep(state: CaState, nowMs: number): CaStepRequest | undefined {
  const { rotation, driven, active } = state;
  const next = nextStep(rotation);
  if (next !== undefined) {
    return driven === 'auto' ? { step: next, by: 'the rotation' } : undefined;
  }
  const { createdMs, rootNotAfterMs, rootKey } = active;
  const { notAfterMs } = active.intermediate;
  if (rootKey === undefined) return undefined;
  if (nowMs < createdMs + (notAfterMs - createdMs) * prepareAtFraction) return undefined;
  const rootEnds = rootNotAfterMs - nowMs < (rootNotAfterMs - createdMs) * rootMarginFraction;
  const what = rootEnds ? 'root' : 'intermediate';
  return { step: 'prepare', what, driven: 'auto', by: 'the schedule' };
}

function rotationReply({ rotation, driven }: CaState): RotationReply {
  const { kind } = rotation;
  const other = otherOf(rotation);
  return {
    kind,
    driven,
    sinceMs: rotation.kind === 'none' ? undefined : rotation.sinceMs,
    other: other === undefined ? undefined : generationReply(other),
  };
}

function otherOf(rotation: Rotation): CaGeneration | undefined {
  switch (rotation.kind) {
    case 'none':
      return undefined;
    case 'prepared':
      return rotation.next;
    case 'activated':
    case 'tainted':
      return rotation.old;
  }
}

function generationReply(generation: CaGeneration): CaGenerationReply {
  const { id, createdMs, rootDer, rootKey, rootNotAfterMs, intermediate, jwt } = generation;
  return {
    id,
    createdMs,
    rootNotAfterMs,
    intermediateNotAfterMs: intermediate.notAfterMs,
    rootSha256: createHash('sha256').update(rootDer).digest('hex'),
    rootKey: rootKey === undefined ? 'elsewhere' : 'ours',
    jwtKid: jwt.kid,
  };
}

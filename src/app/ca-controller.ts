import type { Clock } from '../base/clock.ts';
import type { Finding, Refusal } from '../base/finding.ts';
import { findingFields, type Log, problemFields } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Authority } from '../identity/authority.ts';
import { type CaSource, caExpiries, caSource, signingProblem } from '../identity/ca-expiry.ts';
import type { CaImport } from '../identity/ca-import.ts';
import type { CaRequest } from '../identity/ca-request.ts';
import {
  type DueStep,
  dueStep,
  type GenerationKind,
  type Schedule,
} from '../identity/ca-schedule.ts';
import { expiryFinding, expiryWarnings } from '../identity/expiry.ts';
import { type CaState, partnersOut, type Waiting } from '../identity/rotation.ts';
import type { CaLifetimes } from '../model/types.ts';
import type { CaReply, CaStepRequest } from '../serve/api/wire.ts';
import { caReply } from './ca-reply.ts';
import type { Confirmations } from './confirmations.ts';
import type { UpstreamClient } from './upstream-client.ts';

interface CaControllerOptions {
  readonly authority: Authority;
  readonly confirmations: Confirmations;
  /** Hosts that the mesh knows: each must confirm. */
  readonly hosts: () => Iterable<string>;
  /** How long partners have to read a new bundle before anything is signed with it; 0 without partners. */
  readonly partnersNoticeMs: () => number;
  readonly lifetimes: () => CaLifetimes;
  /** The company's CA, where one is plugged in. */
  readonly upstream: UpstreamClient | undefined;
  /** The intent folder, for commands in warnings. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A gate that opened without a report (tokens that end) is noticed within this. */
const lookEveryMs = 1_000;
/** A CA that did not sign is asked again after this. */
const retryMs = 30_000;
/** What is left of one rotation, and a whole one after it; one look takes no more steps than that. */
const stepsMax = 8;

/** Drives the CA: by its schedule, by a person's steps, and through the gates of a rotation that drives itself. */
export class CaController {
  readonly #options: CaControllerOptions;
  #cancel = (): void => {};
  #isLeading = false;
  #moving: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> | undefined;
  #again = false;
  #retryAtMs = 0;
  /** Why what the schedule wants does not come, when the company's CA is the reason. */
  #stuck: Finding | undefined;

  constructor(options: CaControllerOptions) {
    this.#options = options;
    options.confirmations.onChange(() => {
      if (this.#isLeading) void this.look();
    });
  }

  /** Resolves when everything that is due and open now has been done: what has ended is mended before anything is signed. */
  async start(): Promise<void> {
    this.#isLeading = true;
    // What the replica before it has moved.
    await this.#options.authority.refresh();
    await this.#options.upstream?.look();
    await this.look();
    const round = (): void => {
      if (!this.#isLeading) return;
      this.#cancel = this.#options.clock.after(lookEveryMs, round);
      void this.look();
    };
    round();
  }

  stop(): void {
    this.#isLeading = false;
    this.#cancel();
  }

  get reply(): CaReply {
    const { authority, upstream } = this.#options;
    return caReply(authority.state, {
      waitingFor: this.#waitingFor(),
      upstream: upstream?.name,
      warnings: this.findings,
    });
  }

  /** What a person must know of the CA now: what ends, and why it does not sign. */
  get findings(): readonly Finding[] {
    const { authority, upstream, dir, clock } = this.#options;
    const nowMs = clock.nowMs();
    const items = caExpiries(authority.state, this.#source, dir);
    const problem = signingProblem(authority.state, this.#source, dir, nowMs);
    return [
      ...(problem === undefined ? [] : [problem]),
      ...[upstream?.problem ?? this.#stuck].filter((one) => one !== undefined),
      ...expiryWarnings([...items, ...(upstream?.expiring ?? [])], nowMs).map(expiryFinding),
    ];
  }

  get #source(): CaSource {
    const { authority, upstream } = this.#options;
    return caSource(authority.state, upstream !== undefined);
  }

  /** A person's step. Errors: why it cannot come, and whom it waits for. */
  step(request: CaStepRequest): Promise<Result<CaState, Refusal>> {
    return this.#inTurn(() => this.#step(request));
  }

  request(given: {
    readonly by: string;
    readonly replace: boolean;
  }): Promise<Result<CaRequest, Refusal>> {
    return this.#inTurn(() => this.#options.authority.request(given));
  }

  /** Prepares what the company signed; the gates that follow are the same. */
  import(
    given: CaImport,
    { by, driven }: { readonly by: string; readonly driven: 'auto' | 'hand' },
  ): Promise<Result<CaState, Refusal>> {
    return this.#inTurn(async () => {
      const { authority } = this.#options;
      const step = authority.importStep(given, driven);
      return step.ok ? moved(await authority.step(step.value, by)) : step;
    });
  }

  /** One at a time: each sees what the one before it did. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#moving.then(run);
    this.#moving = turn.catch(() => {});
    return turn;
  }

  async #step(request: CaStepRequest): Promise<Result<CaState, Refusal>> {
    const { authority } = this.#options;
    const { step, by, force = false } = request;
    if (step === 'prepare') {
      const what = this.#wanted(request.what);
      return what.ok ? this.#prepare(what.value, request.driven ?? 'hand', by) : what;
    }
    const [first, ...others] = step === 'abandon' ? [] : this.#waitingFor();
    if (first !== undefined && !force) {
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return noStep(`${step} would cut off: ${first.host} ${first.what}${more}`);
    }
    return moved(await authority.step({ kind: step }, by));
  }

  /** What a person who says `rotate` means here. */
  #wanted(what: CaStepRequest['what']): Result<GenerationKind, Refusal> {
    const { dir } = this.#options;
    switch (this.#source) {
      case 'own':
        return ok(what === 'intermediate' ? 'intermediate' : 'root');
      case 'online':
        return what === 'own-root'
          ? noStep(
              "the company's CA is plugged in; start the control plane without --upstream-ca-cert",
            )
          : ok('upstream');
      case 'offline':
        return what === 'own-root'
          ? ok('root')
          : err({
              code: 'CH3010',
              message: "the root is the company's: only what it signs can be prepared",
              help: `chancery ca request ${dir} --out FILE, or --own-root to leave the company's root`,
            });
    }
  }

  async #prepare(
    what: GenerationKind,
    driven: 'auto' | 'hand',
    by: string,
  ): Promise<Result<CaState, Refusal>> {
    const { authority, upstream } = this.#options;
    if (what !== 'upstream') {
      const prepare = authority.prepareStep(what, driven);
      return moved(prepare.ok ? await authority.step(prepare.value, by) : prepare);
    }
    if (upstream === undefined) return noStep("the company's CA is not plugged in");
    const next = await upstream.generation();
    if (!next.ok) return next;
    return moved(await authority.step({ kind: 'prepare', driven, next: next.value }, by));
  }

  #waitingFor(): readonly Waiting[] {
    const { authority, confirmations, hosts, clock, partnersNoticeMs } = this.#options;
    const notice = { nowMs: clock.nowMs(), noticeMs: partnersNoticeMs() };
    const partners = partnersOut(authority.state, notice);
    return [...authority.waitingFor(confirmations.of(hosts())), ...partners];
  }

  /** Takes every step that is due and open, one after the other; resolves when none is left. */
  look(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#lookAround();
    return this.#looking;
  }

  async #lookAround(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        // Not awaited: a CA that does not answer holds up nothing but what it is to sign.
        void this.#options.upstream?.look();
        for (let count = 0; count < stepsMax && (await this.#takeDue()); count += 1);
      }
    } finally {
      this.#looking = undefined;
    }
  }

  /** Whether a step was taken. */
  async #takeDue(): Promise<boolean> {
    const { authority, clock } = this.#options;
    const due = dueStep(authority.state, this.#schedule());
    if (due === undefined) this.#stuck = undefined;
    if (due === undefined || clock.monotonicMs() < this.#retryAtMs) return false;
    const isOpen = due.step === 'prepare' || due.force || this.#waitingFor().length === 0;
    if (!isOpen) return false;
    const done = await this.#drive(due);
    // A step of a rotation waits for nobody but the store.
    this.#retryAtMs = done || due.step !== 'prepare' ? 0 : clock.monotonicMs() + retryMs;
    return done;
  }

  #schedule(): Schedule {
    const { clock, lifetimes, upstream } = this.#options;
    return { nowMs: clock.nowMs(), lifetimes: lifetimes(), upstreamRoots: upstream?.roots };
  }

  async #drive(due: DueStep): Promise<boolean> {
    const { log, authority } = this.#options;
    const { step, by } = due;
    const cutOff = due.step !== 'prepare' && due.force ? this.#waitingFor() : [];
    try {
      const result = await this.#inTurn(async () =>
        due.step === 'prepare'
          ? this.#prepare(due.what, 'auto', by)
          : moved(await authority.step({ kind: due.step }, by)),
      );
      if (result.ok) log.info('the CA moved', { step, by, sequence: result.value.sequence });
      else log.warn('the CA did not move', { step, by, ...findingFields(result.error) });
      const isForeign = !result.ok && result.error.code === 'CH3015';
      this.#stuck = isForeign ? { severity: 'error', ...result.error } : undefined;
      if (result.ok && cutOff.length > 0) log.warn('the CA waited no longer', { step, cutOff });
      return result.ok;
    } catch (error) {
      log.error('the store did not take the CA', { ...problemFields(error) });
      return false;
    }
  }
}

function noStep(message: string): Result<never, Refusal> {
  return err({ code: 'CH3010', message });
}

function moved(result: Result<CaState | never, string>): Result<CaState, Refusal> {
  return result.ok ? result : noStep(result.error);
}

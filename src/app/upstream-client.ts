import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Finding, Refusal } from '../base/finding.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CaGeneration } from '../identity/ca-generation.ts';
import { generationFrom, refusal } from '../identity/ca-import.ts';
import { createCaRequest } from '../identity/ca-request.ts';
import type { Expiring } from '../identity/expiry.ts';
import type { UpstreamCa, UpstreamView } from '../identity/upstream.ts';
import type { CaLifetimes, TrustDomain } from '../model/types.ts';

interface UpstreamClientOptions {
  readonly upstream: UpstreamCa;
  readonly trustDomain: TrustDomain;
  readonly lifetimes: () => CaLifetimes;
  readonly svidTtlSeconds: () => number;
  readonly clock: Clock;
  readonly random: Random;
}

/** A change of the company's CA is noticed within this. */
const lookEveryMs = 10_000;
/** A CA that does not answer must not hold up what goes on without it. */
const answerMs = 8_000;
/** What is cut shorter than that by the company's CA is not worth a rotation: it would be followed by the next at once. */
const leftInSvidsMin = 6;

/** The company's CA as the control plane knows it: looked at now and then, asked when an intermediate is due. */
export class UpstreamClient {
  readonly #options: UpstreamClientOptions;
  #lookAtMs = 0;
  #view: UpstreamView | undefined;
  #problem: Finding | undefined;

  constructor(options: UpstreamClientOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.upstream.name;
  }

  /** Empty when it cannot be asked. */
  get roots(): readonly Uint8Array[] {
    return this.#view?.rootsDer ?? [];
  }

  get problem(): Finding | undefined {
    return this.#problem;
  }

  get expiring(): readonly Expiring[] {
    if (this.#view === undefined) return [];
    const { notBeforeMs, notAfterMs } = this.#view;
    const command = 'renew it where it is; chancery server reads it again by itself';
    return [{ what: `the company's CA (${this.name})`, notBeforeMs, notAfterMs, command }];
  }

  async look(): Promise<void> {
    const { upstream, clock } = this.#options;
    if (clock.monotonicMs() < this.#lookAtMs) return;
    this.#lookAtMs = clock.monotonicMs() + lookEveryMs;
    const view = await this.#asked(() => upstream.look());
    this.#view = view.ok ? view.value : undefined;
    this.#problem = view.ok ? undefined : { severity: 'error', ...this.#refused([view.error]) };
  }

  /** A new key, and the chain that the company's CA gives for it, held against the same rules as an import. */
  async generation(): Promise<Result<CaGeneration, Refusal>> {
    const { upstream, clock, random, trustDomain, lifetimes, svidTtlSeconds } = this.#options;
    const nowMs = clock.nowMs();
    const { csrDer, privateKey } = createCaRequest({ trustDomain, nowMs, by: 'self', random });
    const lifetimeSeconds = lifetimes().intermediateTtlSeconds;
    const chain = await this.#asked(() => upstream.sign({ csrDer, lifetimeSeconds, nowMs }));
    if (!chain.ok) return err(this.#refused([chain.error]));
    const leftMsMin = leftInSvidsMin * svidTtlSeconds() * 1_000;
    const made = generationFrom({ trustDomain }, privateKey, chain.value, { nowMs, leftMsMin });
    return made.ok ? ok(made.value) : err(this.#refused(made.error));
  }

  /** An answer, or a sentence: it also may throw or stay away. */
  async #asked<T>(ask: () => Promise<Result<T, string>>): Promise<Result<T, string>> {
    let cancel = (): void => {};
    const late = new Promise<Result<T, string>>((resolve) => {
      cancel = this.#options.clock.after(answerMs, () =>
        resolve(err(`no answer in ${answerMs / 1_000} s`)),
      );
    });
    try {
      return await Promise.race([ask(), late]);
    } catch (error) {
      return err(messageOf(error));
    } finally {
      cancel();
    }
  }

  #refused(problems: readonly string[]): Refusal {
    return {
      ...refusal(problems),
      code: 'CH3015',
      message: `the company's CA (${this.name}) does not sign: ${problems.join('; ')}`,
      help: 'correct it where it is; it is asked again by itself, and what signs now goes on until it ends',
    };
  }
}

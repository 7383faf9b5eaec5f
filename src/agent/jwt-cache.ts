import type { Clock } from '../base/clock.ts';
import type { JwtSvidReply } from '../serve/api/wire.ts';

/** Tokens of some services for some audiences; the oldest go first. */
const tokensMax = 1_000;

/** JWT-SVIDs by identity and audience, handed out again until half of their life is over. */
export class JwtCache {
  readonly #clock: Clock;
  readonly #request: (service: string, audience: readonly string[]) => Promise<JwtSvidReply>;
  readonly #tokens = new Map<string, JwtSvidReply>();
  readonly #pending = new Map<string, Promise<JwtSvidReply>>();

  constructor(
    clock: Clock,
    request: (service: string, audience: readonly string[]) => Promise<JwtSvidReply>,
  ) {
    this.#clock = clock;
    this.#request = request;
  }

  /** Rejects when there is none and the control plane gives none. */
  async get(service: string, audience: readonly string[]): Promise<JwtSvidReply> {
    const key = JSON.stringify([service, [...audience].sort()]);
    const known = this.#tokens.get(key);
    const nowMs = this.#clock.nowMs();
    if (known !== undefined && nowMs < (known.issuedAtMs + known.expiresAtMs) / 2) return known;
    try {
      return await this.#ask(key, service, audience);
    } catch (error) {
      // While the control plane is away a token serves until it ends.
      if (known !== undefined && nowMs < known.expiresAtMs) return known;
      throw error;
    }
  }

  /** After a rotation a token of the old key must not be handed out any more. */
  clear(): void {
    this.#tokens.clear();
  }

  #ask(key: string, service: string, audience: readonly string[]): Promise<JwtSvidReply> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const asked = this.#request(service, audience)
      .then((reply) => {
        const [oldest] = this.#tokens.keys();
        if (this.#tokens.size >= tokensMax && oldest !== undefined) this.#tokens.delete(oldest);
        this.#tokens.delete(key);
        this.#tokens.set(key, reply);
        return reply;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, asked);
    return asked;
  }
}

import type { Resource } from '../../compile/resource.ts';
import { isPassing } from './nack.ts';

export interface Rejection {
  readonly version: string;
  /** Without what it quoted of keys. */
  readonly message: string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** Grows with each rejection of the type. */
  readonly order: number;
  /** Another version of the name was taken since. */
  readonly isSettled: boolean;
}

/** Refused versions remembered of one name; the present one and the last good one are what matters. */
const versionsMax = 4;
/** A refusal that may pass by itself, such as an address in use, is tried again this much later. */
const passingRetryMs = 10_000;

/** What one peer refused of one type, by name and version. */
export class Rejections {
  readonly #byName = new Map<string, readonly Rejection[]>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  of(resource: Resource): Rejection | undefined {
    const known = this.#byName.get(resource.name);
    return known?.find((rejection) => rejection.version === resource.version);
  }

  /** The same version is not sent again, but for a refusal that may have passed (rule C3). */
  permits(resource: Resource, nowMs: number): boolean {
    const rejection = this.of(resource);
    if (rejection === undefined) return true;
    return isPassing(rejection.message) && nowMs >= rejection.atMs + passingRetryMs;
  }

  add(resource: Resource, message: string, nowMs: number): void {
    const { name, version } = resource;
    const others = this.#byName.get(name)?.filter((one) => one.version !== version) ?? [];
    this.#count += 1;
    const rejection = { version, message, atMs: nowMs, order: this.#count, isSettled: false };
    this.#byName.set(name, [...others, rejection].slice(-versionsMax));
  }

  forget(name: string): void {
    if (!this.isEmpty) this.#byName.delete(name);
  }

  /**
   * A good version of the name was taken, so what was refused after it and only for its sake may be tried again:
   * Envoy repeats the first error word for word (rule D6). Each refusal excuses others once, or two bad ones would
   * excuse each other for ever.
   */
  excuseVictimsOf(name: string): void {
    const own = this.#byName.get(name) ?? [];
    const causes = own.filter((one) => !one.isSettled);
    if (causes.length === 0) return;
    const isVictim = (one: Rejection): boolean =>
      causes.some((cause) => cause.message === one.message && cause.order < one.order);
    for (const [other, rejections] of this.#byName) {
      if (other === name) continue;
      this.#replace(
        other,
        rejections.filter((one) => !isVictim(one)),
      );
    }
    this.#byName.set(
      name,
      own.map((one) => ({ ...one, isSettled: true })),
    );
  }

  #replace(name: string, rejections: readonly Rejection[]): void {
    if (rejections.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, rejections);
  }

  /** When the next refusal may have passed; undefined when none is of that kind. */
  retryAtMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const rejection of [...this.#byName.values()].flat()) {
      if (!isPassing(rejection.message)) continue;
      const atMs = rejection.atMs + passingRetryMs;
      if (atMs > nowMs && (next === undefined || atMs < next)) next = atMs;
    }
    return next;
  }
}

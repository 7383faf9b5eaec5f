import type { Resource } from '../../compile/resource.ts';
import { isPassing } from './nack.ts';

export interface Rejection {
  readonly version: string;
  /** Without what it quoted of keys. */
  readonly message: string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** Refused versions remembered of one name; the present one and the last good one are what matters. */
const versionsMax = 4;
/** A refusal that may pass by itself, such as an address in use, is tried again this much later. */
export const passingRetryMs = 10_000;

/** What one peer refused of one type, by name and version. */
export class Rejections {
  readonly #byName = new Map<string, readonly Rejection[]>();

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
    this.#byName.set(name, [...others, { version, message, atMs: nowMs }].slice(-versionsMax));
  }

  /** True when there was something to forget. */
  forget(name: string): boolean {
    return this.#byName.delete(name);
  }

  forgetAll(): void {
    this.#byName.clear();
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

import type { Resource } from '../../compile/resource.ts';
import { Rejections } from './rejections.ts';

/** Names beyond this are forgotten; the worst is that a stale resource lives on until its Envoy restarts. */
const doubtfulMax = 1_000;

/**
 * What the server remembers of one type of one proxy beyond its streams. Versions and nonces are per stream
 * (rule A11); this is only what helps a proxy back to something that works.
 */
export class TypeMemory {
  /** Used where a refusal outlives the stream: see `TypeContext.refusalsSpread`. */
  readonly rejections = new Rejections();
  readonly #lastGood = new Map<string, Resource>();
  readonly #doubtful = new Set<string>();

  lastGood(name: string): Resource | undefined {
    return this.#lastGood.get(name);
  }

  /**
   * Names in refused responses: the Envoy may have taken them all the same, but does not report them when it
   * reconnects (rule D3).
   */
  get doubtful(): Iterable<string> {
    return this.#doubtful;
  }

  doubt(name: string): void {
    if (this.#doubtful.size < doubtfulMax) this.#doubtful.add(name);
  }

  accept(resource: Resource): void {
    this.#lastGood.set(resource.name, resource);
    if (this.#doubtful.size > 0) this.#doubtful.delete(resource.name);
  }

  forget(name: string): void {
    this.#lastGood.delete(name);
    this.#doubtful.delete(name);
  }
}

import type { Resource } from '../../compile/resource.ts';
import type { Present, TypeContext } from './exchange.ts';
import type { Rejections } from './rejections.ts';

/** What one peer may be sent of one type, by what it and others refused. */
export class Offers {
  readonly #context: TypeContext;
  readonly #rejections: Rejections;

  constructor(context: TypeContext, rejections: Rejections) {
    this.#context = context;
    this.#rejections = rejections;
  }

  /** Refused by this peer or by so many others that this one is spared it. */
  isRefused(resource: Resource): boolean {
    return this.#rejections.of(resource) !== undefined || this.#context.quarantine.has(resource);
  }

  refusesAnyOf(present: Present): boolean {
    if (this.#rejections.isEmpty && this.#context.quarantine.isEmpty) return false;
    for (const resource of present.values()) if (this.isRefused(resource)) return true;
    return false;
  }

  /** Never again what was refused, unless it changed (rule C3); the last good one in its place (rules C11, D6). */
  of(resource: Resource): Resource | undefined {
    if (this.#rejections.isEmpty && this.#context.quarantine.isEmpty) return resource;
    if (this.#mayBeSent(resource)) return resource;
    const lastGood = this.#context.memory.lastGood(resource.name);
    return lastGood !== undefined && this.#mayBeSent(lastGood) ? lastGood : undefined;
  }

  #mayBeSent(resource: Resource): boolean {
    return (
      !this.#context.quarantine.has(resource) &&
      this.#rejections.permits(resource, this.#context.nowMs())
    );
  }
}

import type { StoredDocument } from '../../store/store.ts';
import type { Followed } from '../replicas/feed.ts';
import { partsOfId } from './kept-soon.ts';

/**
 * Counts of services, a document for each service and control plane: what was told here, which is added to, and what others
 * were told, which is only read.
 */
export class ByReplica<Told> {
  /** By service, what was told here. */
  readonly own = new Map<string, Told>();
  /** By service and then control plane, what was told elsewhere. */
  readonly #elsewhere = new Map<string, Map<string, Told>>();
  readonly #replica: string;
  readonly #parse: (value: Uint8Array) => Told;

  /** `replica`: the name of this control plane, the same after a restart. */
  constructor(replica: string, parse: (value: Uint8Array) => Told) {
    this.#replica = replica;
    this.#parse = parse;
  }

  /** What is there at the start. */
  load(documents: readonly StoredDocument[]): void {
    for (const { id, value } of documents) {
      const { replica, service } = partsOfId(id);
      if (replica === this.#replica) this.own.set(service, this.#parse(value));
      else this.#hear(replica, service, value);
    }
  }

  /** What other control planes wrote. */
  hear(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      const { replica, service } = partsOfId(id);
      if (replica !== this.#replica) this.#hear(replica, service, document?.value);
    }
  }

  /** Here and elsewhere. */
  of(service: string): readonly Told[] {
    const own = this.own.get(service);
    const others = this.#elsewhere.get(service)?.values() ?? [];
    return [...(own === undefined ? [] : [own]), ...others];
  }

  #hear(replica: string, service: string, value: Uint8Array | undefined): void {
    const told = this.#elsewhere.get(service) ?? new Map<string, Told>();
    if (value === undefined) told.delete(replica);
    else told.set(replica, this.#parse(value));
    this.#elsewhere.set(service, told);
  }
}

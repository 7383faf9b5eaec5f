import type { Clock } from '../../base/clock.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Store } from '../../store/store.ts';

/** Something is used for the first time in its hour: that it is in use must outlive a crash. */
const keepSoonMs = 1_000;
/** How much of it may be lost: counts of minutes, and none of an edge. */
const keepLaterMs = 300_000;

interface KeptSoonParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kind: string;
  /** The name of this control plane, the same after a restart. */
  readonly replica: string;
  /** What is written for a service; undefined: nothing is. */
  readonly documentOf: (service: string) => object | undefined;
}

/** Writes what counts of services there are, a document for each service and control plane, some time after they change. */
export class KeptSoon {
  readonly #parts: KeptSoonParts;
  readonly #unkept = new Set<string>();
  #due: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(parts: KeptSoonParts) {
    this.#parts = parts;
  }

  changed(service: string, isFirst: boolean): void {
    this.#unkept.add(service);
    const delayMs = isFirst ? keepSoonMs : keepLaterMs;
    const { clock } = this.#parts;
    const atMs = clock.monotonicMs() + delayMs;
    if (this.#due !== undefined && this.#due.atMs <= atMs) return;
    this.#due?.cancel();
    this.#due = { atMs, cancel: clock.after(delayMs, () => void this.flushed()) };
  }

  /** Resolves when everything that changed is in the store. */
  async flushed(): Promise<void> {
    this.#due?.cancel();
    this.#due = undefined;
    this.#keeping = this.#keeping.then(() => this.#keepAll());
    await this.#keeping;
  }

  async #keepAll(): Promise<void> {
    const { store, kind, replica, documentOf, log } = this.#parts;
    const services = [...this.#unkept];
    this.#unkept.clear();
    for (const service of services) {
      const document = documentOf(service);
      if (document === undefined) continue;
      try {
        const value = Buffer.from(JSON.stringify(document));
        await store.put(kind, `${replica}/${service}`, value, undefined);
      } catch (error) {
        this.#unkept.add(service);
        log.error('the store did not take what was used', { service, ...problemFields(error) });
      }
    }
  }
}

/** `<control plane>/<service>`; no name of a service has a slash. */
export function partsOfId(id: string): { readonly replica: string; readonly service: string } {
  const at = id.lastIndexOf('/');
  return { replica: id.slice(0, Math.max(0, at)), service: id.slice(at + 1) };
}

import koffi from 'koffi';
import type { Clock } from '../base/clock.ts';

/** So many proxies at once leave holes that are worth a look; one that comes or goes leaves none. */
const burstMin = 100;
/** The burst is over when nobody came, went or took anything for this long. */
const quietMs = 50;

/**
 * Gives memory back after many proxies came or went. A handshake and the 61 KB that an Envoy says about itself leave
 * holes all over the heap of malloc, which glibc keeps: after a thousand proxies, two fifths of the process.
 */
export class MemoryReturn {
  readonly #clock: Clock;
  readonly #trim: () => void;
  #moves = 0;
  /** Moves and all else that proxies said. */
  #signs = 0;
  /** Of the signs that the timer has seen; it is one for all. */
  #seen = 0;
  #isArmed = false;

  constructor(options: { readonly clock: Clock; readonly trim: () => void }) {
    this.#clock = options.clock;
    this.#trim = options.trim;
  }

  /** A proxy came or went. */
  moved(): void {
    this.#moves += 1;
    this.#signs += 1;
    if (this.#moves >= burstMin && !this.#isArmed) this.#arm();
  }

  /** A proxy that is there took something: what came with it is not all used yet. */
  stirred(): void {
    this.#signs += 1;
  }

  #arm(): void {
    this.#isArmed = true;
    this.#seen = this.#signs;
    this.#clock.after(quietMs, () => {
      if (this.#signs > this.#seen) {
        this.#arm();
        return;
      }
      this.#isArmed = false;
      this.#moves = 0;
      this.#trim();
    });
  }
}

/** On a thread of its own. Another C library than glibc has no such call, and no such habit. */
export function mallocTrim(): () => void {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t)');
    return () => trim.async(0, () => {});
  } catch {
    return () => {};
  }
}

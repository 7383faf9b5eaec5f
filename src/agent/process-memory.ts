import { setFlagsFromString } from 'node:v8';
import koffi from 'koffi';

/** glibc: malloc.h. */
const mallocOptions = [
  /** M_ARENA_MAX: threads of the runtime allocate little, and what lies in an arena of their own is hardly given back. */
  [-8, 1],
  /** M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, at their first values: left alone, glibc raises them, and gives nothing back. */
  [-3, 128 * 1024],
  [-1, 128 * 1024],
] as const;

/**
 * An agent lives on every host, mostly idle: what it allocated in a moment of many callers is memory that applications
 * miss afterwards. The collector runs sooner for it, at the cost of some per cent of the processor time in such a moment.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
  setFlagsFromString('--optimize-for-size');
  try {
    const mallopt = koffi.load(null).func('int mallopt(int, int)');
    for (const [option, value] of mallocOptions) mallopt(option, value);
  } catch {
    // Another C library than glibc has no such options, and no such habits.
  }
}

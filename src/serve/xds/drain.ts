import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';

/**
 * Runs `end` for each over `spreadMs`, so that their peers do not come to the other servers all at once: each has its
 * own part of the time, and a moment in it by chance. Resolves after the last.
 */
export function spread<T>(
  items: readonly T[],
  end: (item: T) => void,
  options: { readonly clock: Clock; readonly random: Random; readonly spreadMs: number },
): Promise<void> {
  const { clock, random, spreadMs } = options;
  const endings = items.map(
    (item, index) =>
      new Promise<void>((resolve) => {
        const delayMs = ((index + random.fraction()) / items.length) * spreadMs;
        clock.after(delayMs, () => {
          end(item);
          resolve();
        });
      }),
  );
  return Promise.all(endings).then(() => undefined);
}

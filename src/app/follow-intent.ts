import type { Clock } from '../base/clock.ts';
import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { IntentSource } from './intent-source.ts';
import type { Noticed } from './tracing/arrival.ts';

/** Reads now and whenever the source says so; one reading at a time, and the last change is never missed. */
export async function followIntent(
  source: IntentSource,
  gatekeeper: Pick<Gatekeeper, 'offer'>,
  clock: Clock,
): Promise<() => void> {
  let next: Noticed | undefined;
  let isReading = false;
  const read = async (noticed: Noticed): Promise<void> => {
    // What is noticed while something is read is read after it, once for all.
    next = noticed;
    if (isReading) return;
    isReading = true;
    for (let now: Noticed | undefined = next; now !== undefined; now = next) {
      next = undefined;
      const startMs = clock.nowMs();
      const reading = await source.read();
      const arrival = { ...now, read: { startMs, endMs: clock.nowMs() } };
      gatekeeper.offer(reading, { arrival });
    }
    isReading = false;
  };
  const unsaid = (by: Noticed['by']): Noticed => ({
    ...{ by, atMs: clock.nowMs(), fetched: undefined, traceparent: undefined },
  });
  const unwatch = source.watch((noticed) => void read(noticed ?? unsaid('watch')));
  await read(unsaid('start'));
  return unwatch;
}

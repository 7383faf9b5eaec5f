import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { IntentSource } from './intent-source.ts';

/** Reads now and whenever the source says so; one reading at a time, and the last change is never missed. */
export async function followIntent(
  source: IntentSource,
  gatekeeper: Gatekeeper,
): Promise<() => void> {
  let state: 'idle' | 'reading' | 'reading, and again' = 'idle';
  const read = async (): Promise<void> => {
    if (state !== 'idle') {
      state = 'reading, and again';
      return;
    }
    do {
      state = 'reading';
      gatekeeper.offer(await source.read());
    } while ((state as string) === 'reading, and again');
    state = 'idle';
  };
  const unwatch = source.watch(() => void read());
  await read();
  return unwatch;
}

import type { ProbeResult } from '../../agent/health.ts';
import type { Clock } from '../../base/clock.ts';

const probeEveryMs = 100;
const probeLateMs = 1_000;

/** Probes until one succeeds or the returned function is called; says once, when the time is over, what the last one met. */
export function awaitUp(options: {
  readonly clock: Clock;
  readonly probe: () => Promise<ProbeResult>;
  readonly withinMs: number;
  readonly onUp: () => void;
  readonly onLate: (reason: string) => void;
}): () => void {
  const { clock, probe, withinMs, onUp, onLate } = options;
  const startedMs = clock.monotonicMs();
  let isOver = false;
  let isLate = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    const result = await probe();
    if (isOver) return;
    if (result.ok) {
      isOver = true;
      onUp();
      return;
    }
    if (!isLate && clock.monotonicMs() - startedMs >= withinMs) {
      isLate = true;
      onLate(`not healthy within ${withinMs / 1_000} s: ${result.reason}`);
    }
    // What came late may have ended it.
    if (!isOver) cancel = clock.after(isLate ? probeLateMs : probeEveryMs, () => void round());
  };
  void round();
  return () => {
    isOver = true;
    cancel();
  };
}

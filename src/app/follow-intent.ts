import type { Clock } from '../base/clock.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { IntentSource, TreeReading } from './intent-source.ts';
import type { Arrival, Noticed } from './tracing/arrival.ts';

/** Git itself failed, or took too long: the next time it may not. */
const ofThisMachine: ReadonlySet<string> = new Set(['CH5305', 'CH5306']);
const againMs = 2_000;

/**
 * Reads now and whenever the source says so; one reading at a time, and the last change is never missed. What is read
 * twice in a row is offered once: a source may tell of what the reading before already saw.
 */
export async function followIntent(parts: {
  readonly source: IntentSource;
  readonly gatekeeper: Pick<Gatekeeper, 'offer'>;
  readonly plane: ControlPlane;
  readonly clock: Clock;
}): Promise<() => void> {
  const { source, gatekeeper, plane, clock } = parts;
  let next: Noticed | undefined;
  let isReading = false;
  let isOver = false;
  let offered: string | undefined;
  let cancelAgain = (): void => {};
  const offer = (reading: TreeReading, arrival: Arrival): void => {
    const what = whatIsOffered(reading);
    const isRepeated = what !== undefined && what === offered;
    offered = what;
    if (isRepeated || !saysSomething(reading, source, plane)) return;
    gatekeeper.offer(reading, { arrival });
  };
  const read = async (noticed: Noticed): Promise<void> => {
    // What is noticed while something is read is read after it, once for all.
    next = noticed;
    if (isReading) return;
    isReading = true;
    for (let now: Noticed | undefined = next; now !== undefined && !isOver; now = next) {
      next = undefined;
      const startMs = clock.nowMs();
      const reading = await source.read();
      const arrival = { ...now, read: { startMs, endMs: clock.nowMs() } };
      if (isOver) break;
      offer(reading, arrival);
      cancelAgain();
      // Nobody moves the branch again because there was no room here.
      if (hasFailedHere(reading)) {
        cancelAgain = clock.after(againMs, () => void read(unsaid('watch')));
      }
    }
    isReading = false;
  };
  const unsaid = (by: Noticed['by']): Noticed => ({
    ...{ by, atMs: clock.nowMs(), fetched: undefined, traceparent: undefined },
  });
  const unwatch = source.watch((noticed) => void read(noticed ?? unsaid('watch')));
  // A remote that does not answer holds nothing else up.
  const first = read(unsaid('start'));
  if (plane.intent.kind === 'empty') await first;
  return () => {
    isOver = true;
    cancelAgain();
    unwatch();
  };
}

/** The same for what is offered once, however often it is read. */
function whatIsOffered(reading: TreeReading): string | undefined {
  if (reading.kind === 'tree') return reading.tree.commit;
  return hasFailedHere(reading) ? JSON.stringify(reading.findings) : undefined;
}

function hasFailedHere(reading: TreeReading): boolean {
  return (
    reading.kind === 'unreadable' && reading.findings.some(({ code }) => ofThisMachine.has(code))
  );
}

/** A repository that is away says nothing about a commit: what runs goes on, and the warnings say why. */
function saysSomething(reading: TreeReading, source: IntentSource, plane: ControlPlane): boolean {
  if (reading.kind !== 'unreadable' || plane.intent.kind !== 'running') return true;
  return (source.findings ?? []).length === 0;
}

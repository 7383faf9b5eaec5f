import type { Clock } from '../base/clock.ts';
import type { EnvoyAdmin } from '../envoy/admin.ts';

const probeFastMs = 100;
const probeSteadyMs = 2_000;
/** One slow answer is not a proxy that hangs. */
const silencesToHang = 2;

/**
 * `hangs`: its process takes connections and answers none. `unseen`: it serves, and its admin socket was removed, so that
 * nobody sees more of it than that.
 */
export interface ProxyTrouble {
  readonly kind: 'hangs' | 'unseen';
  readonly reason: string;
}

/** A proxy is ready when it has all it needs to serve: not when its process runs. */
export interface ProxyStanding {
  readonly ready: boolean;
  readonly trouble: ProxyTrouble | undefined;
}

interface ProxyWatchOptions {
  readonly admin: Pick<EnvoyAdmin, 'ready'>;
  /** Whether its listener presents a certificate that it got here. */
  readonly presents: () => Promise<boolean>;
  readonly clock: Pick<Clock, 'after'>;
  readonly onChange: (standing: ProxyStanding) => void;
}

/** Asks the proxy until the returned function is called. */
export function watchProxy({ admin, presents, clock, onChange }: ProxyWatchOptions): () => void {
  let standing: ProxyStanding = { ready: false, trouble: undefined };
  let silences = 0;
  let stopped = false;
  let cancel = (): void => {};
  const look = async (): Promise<ProxyStanding> => {
    const state = await admin.ready();
    const isSilent = !state.ok && state.error.kind === 'silent';
    silences = isSilent ? silences + 1 : 0;
    if (state.ok) return { ready: state.value.ready, trouble: undefined };
    const { error } = state;
    // For want of something here: it says nothing of the proxy.
    if (error.kind === 'unasked') return standing;
    // A proxy that ends leaves its socket; one that is gone was removed by somebody, or is not made yet.
    if (error.kind === 'absent') {
      const ready = await presents();
      return { ready, trouble: ready ? { kind: 'unseen', reason: error.reason } : undefined };
    }
    const hangs = error.kind === 'silent' && silences >= silencesToHang;
    return { ready: false, trouble: hangs ? { kind: 'hangs', reason: error.reason } : undefined };
  };
  const round = async (): Promise<void> => {
    const now = await look();
    if (stopped) return;
    const isNews = now.ready !== standing.ready || now.trouble?.kind !== standing.trouble?.kind;
    standing = now;
    if (isNews) onChange(now);
    cancel = clock.after(now.ready ? probeSteadyMs : probeFastMs, () => void round());
  };
  void round();
  return () => {
    stopped = true;
    cancel();
  };
}

import type { Finding } from '../../base/finding.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { TreeReading } from '../intent-source.ts';
import type { Arrival } from './arrival.ts';

/** What leads a trace of each commit, from being noticed to its end. Nothing here waits for whoever takes the traces. */
export interface Tracing {
  /** A commit comes before the gates. The id of its trace; undefined: it is not recorded. */
  begin(reading: TreeReading, arrival: Arrival | undefined): string | undefined;
  /** Undefined: it has none, or came long ago. */
  traceIdOf(commit: string): string | undefined;
  onEvent(event: MeshEvent): void;
  /** A proxy has taken all of what it is to have. */
  converged(proxy: string): void;
  /** That traces are lost now, and why. */
  readonly findings: readonly Finding[];
  /** Ends what is open, and sends it as far as the receiver takes it. */
  stop(): Promise<void>;
}

/** For a control plane whose traces nobody takes. */
export const noTracing: Tracing = {
  begin: () => undefined,
  traceIdOf: () => undefined,
  onEvent: () => {},
  converged: () => {},
  findings: [],
  stop: async () => {},
};

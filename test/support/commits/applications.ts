import type { Clock } from '../../../src/base/clock.ts';
import type { Workload } from '../../../src/compile/inventory.ts';
import type { ApplicationStanding } from '../../../src/rollout/application.ts';
import { commandOf, harms, type Said, type SimService } from './intent.ts';

/** What runs, what is on its way, and who has that. */
export interface SimSides {
  readonly base: Side;
  readonly next: Side | undefined;
  readonly ahead: ReadonlySet<string>;
}

interface Side {
  readonly commit: string;
  readonly said: Said;
}

interface Application {
  readonly command: string;
  commit: string;
  readonly upMs: number;
}

const comesUpMs = 700;

/** The applications of one host, as `up` runs them. */
export class SimApplications {
  readonly #clock: Clock;
  readonly #running = new Map<string, Application>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  commandOf(workload: string): string | undefined {
    return this.#running.get(workload)?.command;
  }

  follow({ base, next, ahead }: SimSides, workloads: readonly Workload[]): void {
    for (const { id, service, version } of workloads) {
      const side = ahead.has(id) ? (next ?? base) : base;
      const command = commandOf(side.said[service as unknown as SimService], version);
      const known = this.#running.get(id);
      if (known?.command === command) known.commit = side.commit;
      else {
        const upMs = this.#clock.monotonicMs() + (known === undefined ? 0 : comesUpMs);
        this.#running.set(id, { command, commit: side.commit, upMs });
      }
    }
    const there = new Set<string>(workloads.map(({ id }) => id));
    for (const id of this.#running.keys()) if (!there.has(id)) this.#running.delete(id);
  }

  standings(workloads: readonly Workload[]): readonly ApplicationStanding[] {
    return workloads.flatMap(({ id: workload }): readonly ApplicationStanding[] => {
      const known = this.#running.get(workload);
      if (known === undefined) return [];
      const { command, commit, upMs } = known;
      const isUp = this.#clock.monotonicMs() >= upMs;
      if (!isUp) return [{ workload, commit, state: { kind: 'starting' } }];
      const reason = `${command} ends`;
      const isEnded = command.includes(harms.ends);
      return [
        { workload, commit, state: isEnded ? { kind: 'failed', reason } : { kind: 'running' } },
      ];
    });
  }
}

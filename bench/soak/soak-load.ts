import type { RunningMesh } from '../../test/support/running-mesh.ts';

export interface SoakCounts {
  readonly sent: number;
  readonly failed: number;
}

const everyMs = 40;
/** A mesh that hangs must not make the load grow without end. */
const openMax = 300;
/** Enough to see what they have in common. */
const failuresMax = 40;

/** Every caller to every callee that it has, at a steady pace. */
const streams: readonly (readonly [caller: string, callee: string])[] = [
  ...['web-v1', 'web-v2', 'web-v3'].flatMap((web) =>
    ['api', 'store', 'solo'].map((callee) => [web, callee] as const),
  ),
  ...['api-v1', 'api-v2'].map((one) => [one, 'store'] as const),
];

export class SoakLoad {
  /** The change that was made last. */
  during = 'nothing';
  /** How often each kind of failure was met. */
  readonly failures = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #open = new Set<Promise<void>>();
  #counts: SoakCounts = { sent: 0, failed: 0 };

  constructor(mesh: RunningMesh) {
    this.#timers = streams.map((stream) => setInterval(() => this.#send(mesh, stream), everyMs));
  }

  get counts(): SoakCounts {
    return this.#counts;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#open);
  }

  #send(mesh: RunningMesh, [caller, callee]: readonly [string, string]): void {
    if (this.#open.size >= openMax) return;
    this.#counts = { ...this.#counts, sent: this.#counts.sent + 1 };
    const done = mesh
      .ask(caller, callee, 'GET', '/items')
      .then(
        ({ status, body }) => (status === 200 ? undefined : `${status} ${body}`),
        (error: unknown) => String(error),
      )
      .then((problem) => {
        this.#open.delete(done);
        if (problem === undefined) return;
        this.#counts = { ...this.#counts, failed: this.#counts.failed + 1 };
        const text = `${this.during}: ${caller} to ${callee}: ${problem.slice(0, 200)}`;
        const known = this.failures.get(text);
        if (known === undefined && this.failures.size >= failuresMax) return;
        this.failures.set(text, (known ?? 0) + 1);
      });
    this.#open.add(done);
  }
}

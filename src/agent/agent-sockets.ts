import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { AgentHealthReply } from '../serve/api/wire.ts';
import type { KeptSocket } from '../serve/grpc/kept-socket.ts';
import type { HostFile } from './host-file.ts';
import type { HostIdentities } from './host-identities.ts';
import { listenAgentApi } from './local-api.ts';

interface AgentSocketsOptions {
  readonly identities: Pick<HostIdentities, 'listen'>;
  readonly health: () => AgentHealthReply;
  readonly clock: Clock;
  readonly log: Log;
}

/** The sockets of the host that are of no single workload. Each stays where it was first opened. */
export class AgentSockets {
  readonly #options: AgentSocketsOptions;
  readonly #kept = new Map<string, KeptSocket>();
  readonly #asked = new Set<'own' | 'host-wide'>();
  #isClosed = false;

  constructor(options: AgentSocketsOptions) {
    this.#options = options;
  }

  get all(): readonly KeptSocket[] {
    return [...this.#kept.values()];
  }

  open({ agentSocket, workloadSocket }: HostFile): void {
    const { identities, health, clock, log } = this.#options;
    this.#open('own', agentSocket, (path) => listenAgentApi(path, health, { clock, log }));
    if (workloadSocket === undefined) return;
    this.#open('host-wide', workloadSocket, (path) => identities.listen(path));
  }

  close(): void {
    this.#isClosed = true;
    for (const one of this.#kept.values()) one.close();
  }

  /** What cannot be opened is tried again with the next host file. */
  #open(
    which: 'own' | 'host-wide',
    path: string,
    open: (path: string) => Promise<KeptSocket>,
  ): void {
    if (this.#asked.has(which)) return;
    this.#asked.add(which);
    open(path).then(
      (kept) => {
        if (this.#isClosed) kept.close();
        else this.#kept.set(which, kept);
      },
      (error: unknown) => {
        this.#asked.delete(which);
        const said = { which, path, ...problemFields(error) };
        this.#options.log.error('a socket of the agent cannot be opened', said);
      },
    );
  }
}

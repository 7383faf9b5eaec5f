import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CaReply } from '../../src/serve/api/wire.ts';
import { eventually, type RunningMesh } from './running-mesh.ts';

const run = promisify(execFile);

/** The CA of a running mesh, by `chancery ca`, as an operator drives it. */
export class RunningCa {
  readonly #mesh: () => RunningMesh;

  /** `mesh` may start later. */
  constructor(mesh: () => RunningMesh) {
    this.#mesh = mesh;
  }

  async ca(verb: string, ...flags: readonly string[]): Promise<string> {
    const words = ['bin/chancery.js', 'ca', verb, this.#mesh().dir, ...flags];
    const { stdout } = await run(process.execPath, words, { timeout: 60_000 });
    return stdout;
  }

  async status(): Promise<CaReply> {
    return JSON.parse(await this.ca('status', '--json')) as CaReply;
  }

  async isBack(): Promise<void> {
    await eventually(
      () =>
        this.status().then(
          () => true,
          () => false,
        ),
      20_000,
      () => 'the control plane stays away',
    );
  }

  async gateIsOpen(): Promise<void> {
    let last: CaReply['waitingFor'] = [];
    await eventually(
      async () => {
        last = (await this.status()).waitingFor;
        return last.length === 0;
      },
      30_000,
      () => JSON.stringify(last),
    );
  }
}

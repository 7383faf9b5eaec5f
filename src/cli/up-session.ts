import { relative } from 'node:path';
import { runCheck, testsOf } from '../app/checks.ts';
import type { Child, ChildState } from '../app/child.ts';
import { openIntentSource } from '../app/intent-source.ts';
import type { Layout } from '../app/layout.ts';
import type { LocalMesh } from '../app/local-mesh.ts';
import { rotateAccessLogs } from '../app/log-rotation.ts';
import { freePortFinder } from '../app/preflight.ts';
import { readIntent } from '../app/read-intent.ts';
import { sleep, systemClock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { type ApiClient, createClient } from '../client/client.ts';
import type { StatusReply } from '../client/gen/api.ts';
import { nodeTransport } from '../serve/api/client.ts';
import { shortCommit } from './commit-text.ts';
import type { ExitCode } from './main.ts';
import { paint, type Terminal } from './terminal.ts';
import type { FirstIntent } from './up.ts';
import { checkTable, eventLine, meshTable, tryNext } from './up-text.ts';

const pollMs = 100;
/** A cold first start fetches nothing any more at this point; something is wrong past this. */
const greenWithinMs = 60_000;
const progressEveryMs = 1_000;

/** One run of `up`, from the first process to the last: what the terminal shows and when it ends. */
export class UpSession {
  readonly #terminal: Terminal;
  readonly #layout: Layout;
  readonly #api: ApiClient;
  readonly #startedMs: number;
  #phase: 'starting' | 'green' | 'stopping' = 'starting';
  readonly #ended = new AbortController();
  readonly #said = new Set<string>();

  constructor(options: {
    readonly terminal: Terminal;
    readonly layout: Layout;
    readonly startedMs: number;
  }) {
    this.#terminal = options.terminal;
    this.#layout = options.layout;
    this.#api = createClient(nodeTransport(options.layout.controlSocket));
    this.#startedMs = options.startedMs;
  }

  async run(
    mesh: LocalMesh,
    first: FirstIntent,
    options: { readonly check: boolean },
  ): Promise<ExitCode> {
    let stopRotation = (): void => {};
    const onSignal = (): void => this.#ended.abort();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    try {
      this.#note(`starting ${first.intent.mesh.name} at ${shortCommit(first.tree.commit)}`);
      mesh.start(first.intent);
      stopRotation = rotateAccessLogs(this.#layout, systemClock, () =>
        mesh.planned.map((planned) => planned.workload.id),
      );
      const green = await this.#waitForGreen(mesh);
      if (!green) return 1;
      if (options.check) return await this.#check(mesh, first);
      await this.#watch(mesh, first);
      return 0;
    } finally {
      this.#phase = 'stopping';
      stopRotation();
      await mesh.stop();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
      this.#note('stopped; nothing is left running');
    }
  }

  /** Every death of a process is shown, with where its output is. */
  childChanged(child: Child, before: ChildState): void {
    if (this.#phase === 'stopping') return;
    const { state, spec } = child;
    if (state.kind === 'waiting') {
      const again = state.retryAtMs - systemClock.nowMs();
      this.#problem(
        `${spec.name} ${state.reason}; starts again in ${Math.max(0, Math.round(again))} ms (output: ${spec.logFile})`,
      );
    } else if (state.kind === 'running' && before.kind === 'starting' && this.#phase === 'green') {
      this.#note(`${spec.name} runs as pid ${state.pid}`);
    }
  }

  async #waitForGreen(mesh: LocalMesh): Promise<boolean> {
    let shownMs = this.#startedMs;
    let waiting = 'the control plane';
    let shown = '';
    while (!this.#ended.signal.aborted) {
      const status = await this.#status();
      if (status !== undefined) {
        this.#sayProblems(status.warnings);
        const missing = notReady(mesh, status);
        if (missing.length === 0) {
          this.#phase = 'green';
          return true;
        }
        waiting = missing.join(', ');
      }
      const nowMs = systemClock.monotonicMs();
      if (nowMs - this.#startedMs > greenWithinMs) {
        this.#problem(`not green after ${greenWithinMs / 1000} s; still waiting for ${waiting}`);
        return false;
      }
      if (nowMs - shownMs > progressEveryMs) {
        shownMs = nowMs;
        if (waiting !== shown) this.#note(`waiting for ${waiting}`);
        shown = waiting;
      }
      await pause();
    }
    return false;
  }

  async #check(mesh: LocalMesh, { intent }: FirstIntent): Promise<ExitCode> {
    const workloads = mesh.planned.map((planned) => planned.workload);
    const results = [];
    for (const test of testsOf(intent)) results.push(await runCheck(intent, workloads, test));
    this.#terminal.out(checkTable(results, this.#terminal));
    const failed = results.filter((result) => !result.passed).length;
    this.#terminal.out(`${results.length - failed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  }

  async #watch(mesh: LocalMesh, first: FirstIntent): Promise<void> {
    const tookMs = Math.round(systemClock.monotonicMs() - this.#startedMs);
    const status = await this.#status();
    this.#terminal.out(meshTable(mesh, status, this.#terminal));
    const self =
      process.env['npm_lifecycle_event'] === undefined ? 'chancery' : 'npm run -s chancery --';
    const dir = relative(process.cwd(), this.#layout.intentDir) || '.';
    this.#terminal.out(
      tryNext(mesh, { tests: testsOf(first.intent), dir, self, look: this.#terminal }),
    );
    this.#note(`green in ${tookMs} ms; Ctrl-C ends it`);
    const following = this.#follow(mesh, first.tree.commit);
    await new Promise<void>((resolve) => {
      if (this.#ended.signal.aborted) resolve();
      this.#ended.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await following;
  }

  async #follow(mesh: LocalMesh, since: string): Promise<void> {
    let commit = since;
    while (!this.#ended.signal.aborted) {
      try {
        await this.#api.follow(
          '/v1/events',
          (event) => {
            const text = eventLine(event, this.#terminal);
            if (text !== undefined) this.#terminal.out(text);
            if (event.kind !== 'accepted' || event.commit === commit) return;
            commit = event.commit;
            void this.#reconcile(mesh, event.commit);
          },
          this.#ended.signal,
        );
      } catch (error) {
        if (!this.#ended.signal.aborted && this.#phase === 'green') {
          this.#problem(`the control plane is away, traffic goes on: ${messageOf(error)}`);
        }
      }
      if (!this.#ended.signal.aborted) await sleep(systemClock, 500);
    }
  }

  /** The processes of this machine follow the accepted commit: what is new starts, what has left ends. */
  async #reconcile(mesh: LocalMesh, commit: string): Promise<void> {
    const dev = commit.startsWith('working-');
    const source = await openIntentSource({ dir: this.#layout.intentDir, dev, clock: systemClock });
    const reading = await source.read();
    if (reading.kind !== 'tree' || reading.tree.commit !== commit) return;
    const { intent } = readIntent(reading.tree.files, systemClock.nowMs());
    if (intent !== undefined) mesh.reconcile(intent, await freePortFinder());
  }

  async #status(): Promise<StatusReply | undefined> {
    try {
      return await this.#api.get('/v1/status');
    } catch {
      return undefined;
    }
  }

  /** What keeps a mesh from getting green, such as a CA that cannot sign; each once. */
  #sayProblems(warnings: readonly Finding[]): void {
    for (const finding of warnings) {
      if (finding.severity !== 'error' || this.#said.has(finding.message)) continue;
      this.#said.add(finding.message);
      const text = eventLine({ kind: 'problem', finding }, this.#terminal);
      if (text !== undefined) this.#terminal.err(text);
    }
  }

  #note(text: string): void {
    this.#terminal.err(paint(this.#terminal, 'dim', text));
  }

  #problem(text: string): void {
    this.#terminal.err(paint(this.#terminal, 'red', `problem: ${text}`));
  }
}

/** What the mesh still waits for, in words. */
function notReady(mesh: LocalMesh, status: StatusReply): string[] {
  return mesh.planned.flatMap(({ workload }) => {
    const known = status.workloads.find((one) => one.workload.id === workload.id);
    if (known === undefined) return [`${workload.id} to register`];
    if (known.proxy === 'away') return [`the proxy of ${workload.id}`];
    if (known.proxy === 'converging' || known.proxy === 'stuck')
      return [`${workload.id} to take its configuration`];
    if (known.workload.state !== 'ready') return [`${workload.id} to be healthy`];
    return [];
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, pollMs);
  });
}

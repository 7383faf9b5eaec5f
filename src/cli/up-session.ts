import { relative } from 'node:path';
import { keepAdminSockets } from '../app/admin-sockets.ts';
import { RunFollower } from '../app/applications/run-follower.ts';
import { whyEnded } from '../app/applications/telling-line.ts';
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
import type { Rollout } from '../rollout/rollout.ts';
import { sidesOf } from '../rollout/sides.ts';
import { nodeTransport } from '../serve/api/client.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { paint, type Terminal } from './terminal.ts';
import type { FirstIntent } from './up.ts';
import { checkTable, eventText, firstRefusedText, meshTable, tryNext } from './up-text.ts';

const pollMs = 100;
/** A cold first start fetches nothing any more at this point; something is wrong past this. */
const greenWithinMs = 60_000;
const progressEveryMs = 1_000;

interface UpOptions {
  /** Send what the tests say, and stop. */
  readonly check: boolean;
  readonly json: boolean;
}

/** One run of `up`, from the first process to the last: what the terminal shows and when it ends. */
export class UpSession {
  readonly #terminal: Terminal;
  readonly #layout: Layout;
  readonly #api: ApiClient;
  /** When it began, or the first commit that was accepted came. */
  #startedMs: number;
  #first: FirstIntent;
  #follower: RunFollower | undefined;
  #json = false;
  #phase: 'starting' | 'green' | 'stopping' = 'starting';
  readonly #ended = new AbortController();
  readonly #said = new Set<string>();

  constructor(options: {
    readonly terminal: Terminal;
    readonly layout: Layout;
    readonly startedMs: number;
    readonly first: FirstIntent;
  }) {
    this.#terminal = options.terminal;
    this.#layout = options.layout;
    this.#api = createClient(nodeTransport(options.layout.controlSocket));
    this.#startedMs = options.startedMs;
    this.#first = options.first;
  }

  async run(mesh: LocalMesh, { check, json }: UpOptions): Promise<ExitCode> {
    this.#json = json;
    const first = this.#first;
    const stops: (() => void)[] = [];
    const onSignal = (): void => this.#ended.abort();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    try {
      this.#note(`starting ${first.intent.mesh.name} at ${shortCommit(first.tree.commit)}`);
      mesh.start({ intent: first.intent, commit: first.tree.commit });
      const workloads = (): string[] => mesh.planned.map(({ workload }) => workload.id);
      for (const keep of [rotateAccessLogs, keepAdminSockets]) {
        stops.push(keep(this.#layout, systemClock, workloads));
      }
      const green = await this.#waitForGreen(mesh, check);
      if (!green) return 1;
      if (check) return await this.#check(mesh, this.#first);
      await this.#watch(mesh, this.#first);
      return 0;
    } finally {
      this.#phase = 'stopping';
      for (const stop of stops) stop();
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
      const why = whyEnded(child.output);
      this.#problem(
        `${spec.name} ${state.reason}; starts again in ${Math.max(0, Math.round(again))} ms (output: ${spec.logFile})${why === undefined ? '' : `\n  ${why}`}`,
      );
    } else if (state.kind === 'running' && before.kind === 'starting' && this.#phase === 'green') {
      this.#note(`${spec.name} runs as pid ${state.pid}`);
    }
  }

  async #waitForGreen(mesh: LocalMesh, check: boolean): Promise<boolean> {
    let shownMs = this.#startedMs;
    let waiting = 'the control plane';
    let shown = '';
    while (!this.#ended.signal.aborted) {
      const status = await this.#status();
      if (status !== undefined) {
        this.#sayProblems(status.warnings);
        const isRefused = this.#sayRefused(status);
        if (isRefused && check) return false;
        const missing = await this.#missing(mesh, status, isRefused);
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

  /** Each refusal once; whether the commit that was to be started is among them. */
  #sayRefused({ commit, recent }: StatusReply): boolean {
    for (const event of recent) {
      if (event.kind !== 'refused' || this.#said.has(event.commit)) continue;
      this.#said.add(event.commit);
      const isFirst = commit === '';
      const text = isFirst
        ? firstRefusedText(event, this.#terminal)
        : eventText(event, this.#terminal);
      if (text !== undefined) this.#terminal.err(text);
    }
    return this.#said.has(this.#first.tree.commit);
  }

  /** What is not there yet. While the first commit is refused a person is waited for, and no time is too long. */
  async #missing(mesh: LocalMesh, status: StatusReply, isRefused: boolean): Promise<string[]> {
    const { commit } = status;
    if (commit === '') {
      if (isRefused) this.#startedMs = systemClock.monotonicMs();
      return [isRefused ? 'a commit that mends it' : 'the first commit to pass its gates'];
    }
    if (isRefused && commit !== this.#first.tree.commit) {
      await this.#begin(mesh, commit);
    }
    return notReady(mesh, status);
  }

  /** Another commit than was read first is the first that was accepted. */
  async #begin(mesh: LocalMesh, commit: string): Promise<void> {
    const first = await this.#read(commit);
    if (first === undefined) return;
    this.#first = first;
    const base = { intent: first.intent, commit };
    mesh.reconcile({ base, next: undefined, ahead: new Set() }, await freePortFinder());
  }

  async #check(mesh: LocalMesh, { intent }: FirstIntent): Promise<ExitCode> {
    const workloads = mesh.planned.map((planned) => planned.workload);
    const results = [];
    for (const test of testsOf(intent)) results.push(await runCheck(intent, workloads, test));
    const failed = results.filter((result) => !result.passed).length;
    const passed = results.length - failed;
    if (this.#json) this.#terminal.out(JSON.stringify({ passed, failed, results }));
    else {
      this.#terminal.out(checkTable(results, this.#terminal));
      this.#terminal.out(`${passed} passed, ${failed} failed`);
    }
    return failed === 0 ? 0 : 1;
  }

  async #watch(mesh: LocalMesh, first: FirstIntent): Promise<void> {
    const tookMs = Math.round(systemClock.monotonicMs() - this.#startedMs);
    const status = await this.#status();
    if (this.#json) {
      const { commit = first.tree.commit, workloads = [] } = status ?? {};
      this.#terminal.out(JSON.stringify({ kind: 'green', tookMs, commit, workloads }));
    } else this.#sayGreen(mesh, first, status);
    this.#note(`green in ${tookMs} ms; Ctrl-C ends it`);
    const following = this.#follow(mesh);
    await new Promise<void>((resolve) => {
      if (this.#ended.signal.aborted) resolve();
      this.#ended.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await following;
  }

  #sayGreen(mesh: LocalMesh, { intent }: FirstIntent, status: StatusReply | undefined): void {
    this.#terminal.out(meshTable(mesh, status, this.#terminal));
    const self =
      process.env['npm_lifecycle_event'] === undefined ? 'chancery' : 'npm run -s chancery --';
    const dir = relative(process.cwd(), this.#layout.intentDir) || '.';
    this.#terminal.out(tryNext(mesh, { tests: testsOf(intent), dir, self, look: this.#terminal }));
  }

  async #follow(mesh: LocalMesh): Promise<void> {
    while (!this.#ended.signal.aborted) {
      let heard = 0;
      const following = this.#api.follow(
        '/v1/events',
        (event) => {
          const text = this.#json ? JSON.stringify(event) : eventText(event, this.#terminal);
          if (text !== undefined) this.#terminal.out(text);
          if (event.kind === 'accepted') void this.#runs(mesh).know(event.commit);
          if (event.kind !== 'rollout') return;
          heard += 1;
          void this.#runs(mesh).follow(sidesOf(event.rollout as Rollout));
        },
        this.#ended.signal,
      );
      // What came before it is followed, and only if nothing newer was heard meanwhile.
      void this.#newestRollout().then((rollout) => {
        if (heard === 0 && rollout !== undefined) void this.#runs(mesh).follow(sidesOf(rollout));
      });
      try {
        await following;
      } catch (error) {
        if (!this.#ended.signal.aborted && this.#phase === 'green') {
          this.#problem(`the control plane is away, traffic goes on: ${messageOf(error)}`);
        }
      }
      if (!this.#ended.signal.aborted) await sleep(systemClock, 500);
    }
  }

  async #newestRollout(): Promise<Rollout | undefined> {
    try {
      const { revisions } = await this.#api.get('/v1/revisions');
      return revisions[0] as Rollout | undefined;
    } catch {
      return undefined;
    }
  }

  #runs(mesh: LocalMesh): RunFollower {
    const { intent, tree } = this.#first;
    this.#follower ??= new RunFollower({
      first: { intent, commit: tree.commit },
      read: async (commit) => {
        const read = await this.#read(commit);
        return read && { intent: read.intent, commit };
      },
      reconcile: async (sides) => mesh.reconcile(sides, await freePortFinder()),
    });
    return this.#follower;
  }

  async #read(commit: string): Promise<FirstIntent | undefined> {
    const dev = commit.startsWith('working-');
    const source = await openIntentSource({ dir: this.#layout.intentDir, dev, clock: systemClock });
    const reading = await source.read();
    const newest = reading.kind === 'tree' ? reading.tree : undefined;
    const tree = newest?.commit === commit ? newest : await source.at(commit);
    if (tree === undefined) return undefined;
    // It was accepted, whatever this version would say to it.
    const { intent, carried } = readIntent(tree.files, systemClock.nowMs());
    const accepted = intent ?? carried?.intent;
    return accepted && { tree, intent: accepted };
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
      const text = eventText({ kind: 'problem', finding }, this.#terminal);
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

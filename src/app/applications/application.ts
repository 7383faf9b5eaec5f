import type { ProbeResult } from '../../agent/health.ts';
import type { Clock } from '../../base/clock.ts';
import type { HealthCheck } from '../../model/types.ts';
import type { ApplicationState } from '../../rollout/application.ts';
import type { Child, ChildOptions, ChildSpec } from '../child.ts';
import type { PlannedWorkload } from '../host-plan.ts';
import { awaitUp } from './await-up.ts';
import { saysInUse, tellingLine } from './telling-line.ts';

interface ApplicationOptions {
  readonly clock: Clock;
  /** `port`: where it is to listen. */
  readonly spec: (planned: PlannedWorkload, port: number) => ChildSpec;
  readonly createChild: (spec: ChildSpec, options: ChildOptions) => Child;
  readonly probe: (check: HealthCheck, port: number) => Promise<ProbeResult>;
  /** Whether the proxy beside it sends its requests to this port. */
  readonly isTold: (port: number) => Promise<boolean>;
  /** Of the process that serves. */
  readonly onChild: ChildOptions['onChange'];
  /** Where it listens, how it is asked, or how it stands is another. */
  readonly onChange: () => void;
  /** A port for a second process, this one if it can be had; undefined: there is none. */
  readonly freePort: (wish: number | undefined) => number | undefined;
}

/** Less than a rollout waits for its host to tell. */
const comeUpMs = 30_000;
/** One that runs already answers sooner. */
const answerMs = 5_000;
const stopGraceMs = 3_000;
/** Until the proxy of a host without its control plane is not waited for any more. */
const tellMs = 60_000;
/** What a process still answers comes to its end meanwhile. */
const handOverMs = 1_500;

/** A process, and what it is to be. */
interface Run {
  readonly planned: PlannedWorkload;
  readonly port: number;
  readonly child: Child;
}

/**
 * The application of one workload. Another command is tried beside the process that serves, on a port of its own, and takes
 * its place when it passes its health check: what does not come up has replaced nothing. Only one whose port is fixed, or
 * that insists on one that is taken, is started in place of what serves.
 */
export class Application {
  readonly #options: ApplicationOptions;
  #wanted: PlannedWorkload;
  #serving: Run | undefined;
  #isUp = false;
  /** Its process is the one that serves where only the health check is another. */
  #trial: Run | undefined;
  /** Why what is wanted does not run. */
  #problem: string | undefined;
  #cancelServing = (): void => {};
  #cancelTrial = (): void => {};
  readonly #leaving = new Map<Child, () => void>();
  /** Goes on with each change, so that what was begun for an earlier one ends. */
  #turn = 0;

  constructor(planned: PlannedWorkload, options: ApplicationOptions) {
    this.#options = options;
    this.#wanted = planned;
  }

  /** Where the process listens that serves. */
  get port(): number {
    return this.#serving?.port ?? this.#wanted.workload.appPort;
  }

  /** How the process that serves is asked. */
  get health(): HealthCheck | undefined {
    return (this.#serving?.planned ?? this.#wanted).health;
  }

  /** What `state` is about. */
  get commit(): string {
    return this.#wanted.commit;
  }

  get state(): ApplicationState {
    if (this.#problem !== undefined) return { kind: 'failed', reason: this.#problem };
    if (this.#trial !== undefined) return { kind: 'starting' };
    return { kind: this.#isUp ? 'running' : 'restarting' };
  }

  get child(): Child | undefined {
    return this.#serving?.child;
  }

  /** Those that its processes listen on, or are about to. */
  get ports(): readonly number[] {
    return [this.port, ...(this.#trial === undefined ? [] : [this.#trial.port])];
  }

  start(): void {
    this.#serve(this.#wanted, this.#wanted.workload.appPort);
  }

  /** Runs it as this says, if it does not already. What failed is tried again for another commit. */
  use(planned: PlannedWorkload): void {
    const before = this.#wanted;
    this.#wanted = planned;
    const isServing = this.#serving !== undefined && isSame(this.#serving.planned, planned);
    if (isServing && this.#serving !== undefined) this.#serving = { ...this.#serving, planned };
    if (!isSame(before, planned) || !this.#isOnItsWay(before, isServing)) this.#turnTo(planned);
    this.#options.onChange();
  }

  async stop(): Promise<void> {
    this.#turn += 1;
    this.#cancelServing();
    this.#cancelTrial();
    for (const cancel of this.#leaving.values()) cancel();
    const children = [this.#serving?.child, this.#trial?.child, ...this.#leaving.keys()];
    await Promise.all(children.map((child) => child?.stop(stopGraceMs)));
  }

  /** What is wanted serves, is tried, or waits for what is ended before it; or it failed for the very same commit. */
  #isOnItsWay(before: PlannedWorkload, isServing: boolean): boolean {
    return isServing || this.#trial !== undefined || before.commit === this.#wanted.commit;
  }

  #turnTo(planned: PlannedWorkload): void {
    this.#turn += 1;
    this.#problem = undefined;
    this.#endTrial();
    const serving = this.#serving;
    if (serving !== undefined && this.#isUp && isSame(serving.planned, planned)) return;
    if (serving === undefined || !this.#isUp) void this.#replace();
    else if (commandKey(serving.planned) === commandKey(planned)) this.#ask(serving, planned);
    else if (planned.isPortFixed) void this.#replace();
    else this.#try(planned);
  }

  /** The process stays; only what it is asked is another. */
  #ask({ port, child }: Run, planned: PlannedWorkload): void {
    this.#await({ planned, port, child }, answerMs);
  }

  #try(planned: PlannedWorkload): void {
    const { declaredPort } = planned;
    const port = this.#options.freePort(declaredPort === this.port ? undefined : declaredPort);
    if (port === undefined) {
      void this.#replace();
      return;
    }
    const run = this.#launch(planned, port);
    this.#await(run, comeUpMs);
    run.child.start();
  }

  #await(run: Run, withinMs: number): void {
    this.#trial = run;
    this.#cancelTrial = awaitUp({
      ...this.#watchOf(run),
      withinMs,
      onUp: () => this.#handOver(run),
      onLate: (reason) => this.#fail(run, reason),
    });
  }

  #handOver(run: Run): void {
    const before = this.#serving;
    this.#trial = undefined;
    this.#serving = run;
    this.#isUp = true;
    this.#options.onChange();
    if (before !== undefined && before.child !== run.child) this.#leave(before.child, run.port);
  }

  /** What is wanted does not run; what serves goes on. */
  #fail(run: Run, reason: string): void {
    this.#endTrial();
    if (saysInUse(run.child.output) && run.child !== this.#serving?.child) {
      void this.#replace();
    } else this.#problem = reason;
    this.#options.onChange();
  }

  #endTrial(): void {
    const trial = this.#trial;
    this.#cancelTrial();
    this.#trial = undefined;
    if (trial !== undefined && trial.child !== this.#serving?.child) this.#end(trial.child);
  }

  /** First the end of what serves: it has failed, or holds the port that is needed. */
  async #replace(): Promise<void> {
    const planned = this.#wanted;
    const turn = this.#turn;
    const port = planned.declaredPort ?? this.port;
    this.#isUp = false;
    this.#cancelServing();
    await this.#serving?.child.stop(stopGraceMs);
    if (turn === this.#turn) this.#serve(this.#wanted, port);
  }

  #serve(planned: PlannedWorkload, port: number): void {
    const run = this.#launch(planned, port);
    this.#serving = run;
    this.#isUp = false;
    this.#watchServing(run);
    run.child.start();
    this.#options.onChange();
  }

  #watchServing(run: Run): void {
    this.#cancelServing();
    this.#cancelServing = awaitUp({
      ...this.#watchOf(run),
      withinMs: comeUpMs,
      onUp: () => {
        this.#isUp = true;
        this.#serves(undefined);
      },
      onLate: (reason) => this.#serves(reason),
    });
  }

  /** How what serves stands; it is no word on another command that is wanted in its place. */
  #serves(problem: string | undefined): void {
    const serving = this.#serving;
    if (this.#trial === undefined && serving !== undefined) {
      if (isSame(serving.planned, this.#wanted)) this.#problem = problem;
    }
    this.#options.onChange();
  }

  #launch(planned: PlannedWorkload, port: number): Run {
    const { clock, spec, createChild, onChild } = this.#options;
    const child = createChild(spec(planned, port), {
      clock,
      onChange: (one, before) => {
        if (one === this.#serving?.child) onChild(one, before);
        if (one.state.kind === 'waiting') this.#ended(one, one.state.reason);
      },
    });
    return { planned, port, child };
  }

  #ended(child: Child, how: string): void {
    const line = tellingLine(child.output);
    const reason = line === undefined ? how : `${how}: ${line}`;
    const { trial, serving } = { trial: this.#trial, serving: this.#serving };
    if (child === serving?.child) {
      this.#isUp = false;
      this.#watchServing(serving);
    }
    if (trial !== undefined && child === trial.child) this.#fail(trial, reason);
    else if (child === serving?.child) this.#serves(reason);
  }

  #watchOf({ planned: { health }, port, child }: Run) {
    const { clock, probe } = this.#options;
    return {
      clock,
      // Another program may listen there, as long as this one does not run.
      probe: async (): Promise<ProbeResult> =>
        child.state.kind === 'running'
          ? probe(health ?? { kind: 'connect' }, port)
          : { ok: false, reason: 'it does not run' },
    };
  }

  /** It goes on until its proxy sends nothing to it any more. */
  #leave(child: Child, newPort: number): void {
    const { clock, isTold } = this.#options;
    const sinceMs = clock.monotonicMs();
    const wait = (waitMs: number, then: () => void): void => {
      this.#leaving.set(child, clock.after(waitMs, then));
    };
    const look = async (): Promise<void> => {
      const isOver = (await isTold(newPort)) || clock.monotonicMs() - sinceMs > tellMs;
      if (!this.#leaving.has(child)) return;
      if (isOver) wait(handOverMs, () => this.#end(child));
      else wait(100, () => void look());
    };
    wait(0, () => void look());
  }

  #end(child: Child): void {
    this.#leaving.set(child, () => {});
    void child.stop(stopGraceMs).then(() => this.#leaving.delete(child));
  }
}

function commandKey({ command, env, declaredPort }: PlannedWorkload): string {
  return JSON.stringify([command, [...env], declaredPort]);
}

function isSame(a: PlannedWorkload, b: PlannedWorkload): boolean {
  return commandKey(a) === commandKey(b) && JSON.stringify(a.health) === JSON.stringify(b.health);
}

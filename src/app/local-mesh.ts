import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostFile, type HostWorkload, replaceFile } from '../agent/host-file.ts';
import type { Clock } from '../base/clock.ts';
import type { Intent } from '../model/types.ts';
import { type Child, type ChildSpec, type ChildState, createChild } from './child.ts';
import {
  firstAgentPort,
  firstControlPlanePort,
  type HostPlan,
  localHost,
  type PlannedWorkload,
  type PortBook,
  planHost,
  portBookOf,
} from './host-plan.ts';
import { adminSocket, type Layout, workloadAgentSocket } from './layout.ts';
import { appSpec, proxySpec, textEnv } from './workload-processes.ts';

const stopGraceMs = 3_000;
/** An agent allocates little at a time; a large young generation is memory that every host pays for. */
const agentFlags = ['--max-semi-space-size=2'];
/** Callers' proxies have taken a removal long before; its processes end after that. */
const leaveDelayMs = 1_500;

export interface LocalMeshOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly envoyPath: string;
  readonly dev: boolean;
  /** How long each wave of a commit is looked at. */
  readonly watch: string;
  /** For the control plane, as it was typed. */
  readonly federationPort: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly onChild: (child: Child, before: ChildState) => void;
}

/** Every process of a mesh on this machine: control plane, agent, and a proxy and an application per workload. */
export class LocalMesh {
  /** Cancels the end of a workload that has left the intent. */
  readonly #leaving = new Map<string, () => void>();
  readonly #options: LocalMeshOptions;
  readonly #children = new Map<string, Child>();
  #plan: HostPlan = {
    controlPlanePort: firstControlPlanePort,
    agentPort: firstAgentPort,
    workloads: [],
  };

  constructor(options: LocalMeshOptions) {
    this.#options = options;
  }

  get planned(): readonly PlannedWorkload[] {
    return this.#plan.workloads;
  }

  get children(): readonly Child[] {
    return [...this.#children.values()];
  }

  child(name: string): Child | undefined {
    return this.#children.get(name);
  }

  /** Plans without starting anything, so that ports and programs can be checked first. */
  plan(intent: Intent, isFree: (port: number) => boolean): HostPlan {
    const { layout } = this.#options;
    this.#plan = planHost(intent, readPortBook(layout.portsFile), isFree);
    return this.#plan;
  }

  start(intent: Intent): void {
    this.#writePlan();
    this.#run(this.#controlPlaneSpec());
    this.#run(this.#agentSpec());
    for (const planned of this.planned) this.#startWorkload(intent, planned);
  }

  /** Starts what is new, restarts what is run differently, and ends what has left. */
  reconcile(intent: Intent, isFree: (port: number) => boolean): void {
    const before = new Map(this.planned.map((planned) => [planned.workload.id, planned]));
    const after = this.plan(intent, isFree).workloads;
    this.#writePlan();
    for (const planned of after) {
      const old = before.get(planned.workload.id);
      before.delete(planned.workload.id);
      if (this.#stays(planned.workload.id)) void this.#restartApp(planned);
      else if (old === undefined) this.#startWorkload(intent, planned);
      else if (commandKey(old) !== commandKey(planned)) void this.#restartApp(planned);
    }
    for (const id of before.keys()) {
      const cancel = this.#options.clock.after(leaveDelayMs, () => {
        this.#leaving.delete(id);
        void this.#stopWorkload(id);
      });
      this.#leaving.set(id, cancel);
    }
  }

  /** What comes back before it was stopped keeps its processes; a second set beside them would never be ended. */
  #stays(id: string): boolean {
    this.#leaving.get(id)?.();
    return this.#leaving.delete(id);
  }

  /** Ends everything: applications first, so that their last requests still have a proxy. */
  async stop(): Promise<void> {
    const named = (prefix: string): Child[] =>
      this.children.filter((child) => child.spec.name.startsWith(prefix));
    for (const group of [
      named('app '),
      named('proxy '),
      [...named('agent'), ...named('control')],
    ]) {
      await Promise.all(group.map((child) => child.stop(stopGraceMs)));
    }
  }

  #writePlan(): void {
    const { layout } = this.#options;
    replaceFile(layout.portsFile, portBookOf(this.#plan));
    const workloads = this.planned.map((planned): HostWorkload => {
      const { workload, health } = planned;
      return {
        workload,
        health,
        agentSocket: workloadAgentSocket(layout, workload.id),
        adminSocket: adminSocket(layout, workload.id),
      };
    });
    const host: HostFile = {
      control: {
        servers: [{ host: '127.0.0.1', port: this.#plan.agentPort }],
        proof: { kind: 'local', socket: layout.controlSocket, host: localHost },
        rootSha256: [],
      },
      workloadSocket: layout.workloadSocket,
      agentSocket: layout.agentSocket,
      workloads,
    };
    replaceFile(layout.hostFile, host);
  }

  #startWorkload(intent: Intent, planned: PlannedWorkload): void {
    const { controlPlanePort: port } = this.#plan;
    const { trustDomain } = intent.mesh;
    const servers = [{ host: '127.0.0.1', port }];
    this.#run(proxySpec(this.#options, planned.workload, { servers, trustDomain }));
    this.#run(appSpec(this.#options, planned));
  }

  async #restartApp(planned: PlannedWorkload): Promise<void> {
    const name = `app ${planned.workload.id}`;
    await this.#children.get(name)?.stop(stopGraceMs);
    this.#run(appSpec(this.#options, planned));
  }

  async #stopWorkload(id: string): Promise<void> {
    for (const name of [`app ${id}`, `proxy ${id}`]) {
      await this.#children.get(name)?.stop(stopGraceMs);
      this.#children.delete(name);
    }
  }

  #run(spec: ChildSpec): void {
    const { clock, onChild } = this.#options;
    const child = createChild(spec, { clock, onChange: onChild });
    this.#children.set(spec.name, child);
    child.start();
  }

  #controlPlaneSpec(): ChildSpec {
    const { layout, watch, dev, federationPort } = this.#options;
    return this.#ownSpec('control plane', [
      'server',
      '--dir',
      layout.intentDir,
      '--port',
      String(this.#plan.controlPlanePort),
      '--agent-port',
      String(this.#plan.agentPort),
      ...['--watch', watch],
      ...(dev ? ['--dev'] : []),
      ...(federationPort === undefined ? [] : ['--federation-port', federationPort]),
    ]);
  }

  #agentSpec(): ChildSpec {
    return this.#ownSpec(
      'agent',
      ['agent', '--host-file', this.#options.layout.hostFile],
      agentFlags,
    );
  }

  #ownSpec(name: string, args: readonly string[], flags: readonly string[] = []): ChildSpec {
    const { layout, env } = this.#options;
    const entry = fileURLToPath(new URL('../../bin/chancery.js', import.meta.url));
    return {
      name,
      command: [process.execPath, ...flags, entry, ...args],
      cwd: layout.stateDir,
      env: textEnv(env),
      logFile: join(layout.logsDir, `${name.replaceAll(' ', '-')}.log`),
    };
  }
}

function commandKey(planned: PlannedWorkload): string {
  return JSON.stringify([planned.command, [...planned.env], planned.workload.appPort]);
}

/** A missing or broken book only means that ports are handed out anew. */
function readPortBook(file: string): PortBook {
  try {
    const book = JSON.parse(readFileSync(file, 'utf8')) as Partial<PortBook>;
    return { ...book, workloads: book.workloads ?? {} };
  } catch {
    return { workloads: {} };
  }
}

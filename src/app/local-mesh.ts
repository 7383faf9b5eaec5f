import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probe } from '../agent/health.ts';
import { type HostFile, type HostWorkload, replaceFile } from '../agent/host-file.ts';
import type { Clock } from '../base/clock.ts';
import { appCluster } from '../compile/names.ts';
import { EnvoyAdmin } from '../envoy/admin.ts';
import type { TrustDomain } from '../model/types.ts';
import type { ApplicationStanding } from '../rollout/application.ts';
import type { Sides } from '../rollout/sides.ts';
import { Application } from './applications/application.ts';
import { type Child, type ChildSpec, type ChildState, createChild } from './child.ts';
import {
  firstAgentPort,
  firstControlPlanePort,
  type HostPlan,
  localHost,
  type PlannedWorkload,
  type PortBook,
  planSides,
  portBookOf,
  type RunRevision,
  sparePort,
} from './host-plan.ts';
import { accessLog, adminSocket, type Layout, workloadAgentSocket } from './layout.ts';
import { appSpec, proxySpec, textEnv } from './workload-processes.ts';

const stopGraceMs = 3_000;
/** An agent allocates little at a time; a large young generation is memory that every host pays for. */
const agentFlags = ['--max-semi-space-size=2'];
/** What changes in a moment is told by one write. */
const writeDelayMs = 5;
/** A disk that takes nothing is tried again. */
const writeAgainMs = 1_000;
/** Callers' proxies have taken a removal long before; its processes end after that. */
const leaveDelayMs = 1_500;

interface LocalMeshOptions {
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
  readonly #applications = new Map<string, Application>();
  #isFree = (_port: number): boolean => false;
  #cancelWrite: (() => void) | undefined;
  #plan: HostPlan = {
    controlPlanePort: firstControlPlanePort,
    agentPort: firstAgentPort,
    workloads: [],
  };

  constructor(options: LocalMeshOptions) {
    this.#options = options;
  }

  /** With the ports on which they listen now. */
  get planned(): readonly PlannedWorkload[] {
    return this.#plan.workloads.map((planned) => {
      const { workload } = planned;
      const appPort = this.#applications.get(workload.id)?.port ?? workload.appPort;
      return { ...planned, workload: { ...workload, appPort } };
    });
  }

  child(name: string): Child | undefined {
    return this.#children.get(name);
  }

  application(id: string): Child | undefined {
    return this.#applications.get(id)?.child;
  }

  /** Plans without starting anything, so that ports and programs can be checked first. */
  plan(revision: RunRevision, isFree: (port: number) => boolean): HostPlan {
    return this.#planSides({ base: revision, next: undefined, ahead: new Set() }, isFree);
  }

  start({ intent }: RunRevision): void {
    this.#writeNow();
    this.#run(this.#controlPlaneSpec());
    this.#run(this.#agentSpec());
    for (const planned of this.planned) this.#startWorkload(intent.mesh.trustDomain, planned);
  }

  /** Starts what is new, has what is run differently tried, and ends what has left. */
  reconcile(sides: Sides<RunRevision>, isFree: (port: number) => boolean): void {
    const gone = new Set<string>(this.#plan.workloads.map(({ workload }) => workload.id));
    const { workloads } = this.#planSides(sides, isFree);
    this.#write();
    for (const planned of workloads) {
      const { id } = planned.workload;
      gone.delete(id);
      this.#stays(id);
      const application = this.#applications.get(id);
      if (application !== undefined) application.use(planned);
      else this.#startWorkload(sides.base.intent.mesh.trustDomain, planned);
    }
    for (const id of gone) {
      const cancel = this.#options.clock.after(leaveDelayMs, () => {
        this.#leaving.delete(id);
        void this.#stopWorkload(id);
      });
      this.#leaving.set(id, cancel);
    }
  }

  #planSides(sides: Sides<RunRevision>, isFree: (port: number) => boolean): HostPlan {
    const used = new Set([...this.#applications.values()].flatMap(({ ports }) => ports));
    this.#isFree = isFree;
    const book = readPortBook(this.#options.layout.portsFile);
    this.#plan = planSides(sides, book, (port) => isFree(port) && !used.has(port));
    return this.#plan;
  }

  /** What comes back before it was stopped keeps its processes; a second set beside them would never be ended. */
  #stays(id: string): void {
    this.#leaving.get(id)?.();
    this.#leaving.delete(id);
  }

  /** Ends everything: applications first, so that their last requests still have a proxy. */
  async stop(): Promise<void> {
    this.#cancelWrite?.();
    await Promise.all([...this.#applications.values()].map((one) => one.stop()));
    const named = (prefix: string): Child[] =>
      [...this.#children.values()].filter((child) => child.spec.name.startsWith(prefix));
    for (const group of [named('proxy '), [...named('agent'), ...named('control')]]) {
      await Promise.all(group.map((child) => child.stop(stopGraceMs)));
    }
  }

  #writeSoon(): void {
    this.#cancelWrite ??= this.#options.clock.after(writeDelayMs, () => this.#write());
  }

  /** The mesh goes on with what the agent was told before: ending it would help nobody's disk. */
  #write(): void {
    try {
      this.#writeNow();
    } catch {
      this.#cancelWrite = this.#options.clock.after(writeAgainMs, () => this.#write());
    }
  }

  #writeNow(): void {
    const { layout } = this.#options;
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    const planned = this.planned;
    replaceFile(layout.portsFile, portBookOf({ ...this.#plan, workloads: planned }));
    const workloads = planned.map(({ workload, health }): HostWorkload => {
      const application = this.#applications.get(workload.id);
      return {
        workload,
        health: application === undefined ? health : application.health,
        agentSocket: workloadAgentSocket(layout, workload.id),
        adminSocket: adminSocket(layout, workload.id),
        accessLog: accessLog(layout, workload.id),
      };
    });
    const applications = planned.flatMap(({ workload: { id } }): ApplicationStanding[] => {
      const application = this.#applications.get(id);
      if (application === undefined) return [];
      return [{ workload: id, commit: application.commit, state: application.state }];
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
      applications,
    };
    replaceFile(layout.hostFile, host);
  }

  #startWorkload(trustDomain: TrustDomain, planned: PlannedWorkload): void {
    const { controlPlanePort: port } = this.#plan;
    const { workload } = planned;
    const servers = [{ host: '127.0.0.1', port }];
    this.#run(proxySpec(this.#options, workload, { servers, trustDomain }));
    const application = this.#newApplication(planned);
    this.#applications.set(workload.id, application);
    application.start();
  }

  #newApplication(planned: PlannedWorkload): Application {
    const { layout, clock, onChild } = this.#options;
    const path = adminSocket(layout, planned.workload.id);
    const admin = new EnvoyAdmin({ kind: 'socket', path });
    return new Application(planned, {
      ...{ clock, createChild, probe, onChild },
      spec: (now, port) => appSpec(this.#options, now, port),
      isTold: async (port) => {
        const has = await admin.leadsTo(appCluster, port);
        return has.ok && has.value;
      },
      onChange: () => this.#writeSoon(),
      freePort: (wish) => this.#freePort(wish),
    });
  }

  #freePort(wish: number | undefined): number | undefined {
    const book = Object.values(portBookOf(this.#plan).workloads).flatMap((one) =>
      Object.values(one),
    );
    const used = [...this.#applications.values()].flatMap(({ ports }) => ports);
    const taken = new Set<number>(used);
    if (wish !== undefined && !taken.has(wish) && this.#isFree(wish)) return wish;
    for (const port of book) taken.add(port);
    return sparePort((port) => this.#isFree(port) && !taken.has(port));
  }

  async #stopWorkload(id: string): Promise<void> {
    const application = this.#applications.get(id);
    this.#applications.delete(id);
    await application?.stop();
    const proxy = `proxy ${id}`;
    await this.#children.get(proxy)?.stop(stopGraceMs);
    this.#children.delete(proxy);
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

/** A missing or broken book only means that ports are handed out anew. */
function readPortBook(file: string): PortBook {
  try {
    const book = JSON.parse(readFileSync(file, 'utf8')) as Partial<PortBook>;
    return { ...book, workloads: book.workloads ?? {} };
  } catch {
    return { workloads: {} };
  }
}

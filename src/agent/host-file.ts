import { readFileSync, renameSync, watch, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Workload } from '../compile/inventory.ts';
import type { HealthCheck } from '../model/types.ts';
import type { ApplicationStanding } from '../rollout/application.ts';

/** What a host's agent serves, and how it comes into the mesh. Written by whoever starts it, read again when it changes. */
export interface HostFile {
  readonly control: ControlAddress;
  /** The SPIFFE Workload API and SDS for any process of the host; none when left out. */
  readonly workloadSocket?: string;
  /** The agent's own socket, for whoever runs the host. */
  readonly agentSocket: string;
  readonly workloads: readonly HostWorkload[];
  /** Where who writes this also starts the applications: how they stand. */
  readonly applications?: readonly ApplicationStanding[];
}

export interface ControlAddress extends ControlProof {
  /** The API for hosts of each control plane of the mesh; any of them serves any host. */
  readonly servers: readonly ServerAddress[];
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

interface ControlProof {
  readonly proof: ProofConfig;
  /** SHA-256 of roots to trust at the first contact, hex. A local host needs none: its socket is its proof both ways. */
  readonly rootSha256: readonly string[];
}

/** The control plane that is asked now. */
export type ControlPoint = ServerAddress & ControlProof;

/** How this machine proves which one it is. */
export type ProofConfig =
  /** To a control plane of the same machine, by the operator's socket. */
  | { readonly kind: 'local'; readonly socket: string; readonly host: string }
  /** The file is read when the machine joins, and not needed afterwards. */
  | { readonly kind: 'join_token'; readonly tokenFile: string }
  /** A certificate that the machine has already, and its key, in PEM. */
  | { readonly kind: 'x509pop'; readonly certificatePath: string; readonly keyPath: string }
  /** Its TPM. Without a TCTI: what the environment says, else the device. */
  | { readonly kind: 'tpm'; readonly tcti?: string }
  /** The identity document of an EC2 instance. */
  | { readonly kind: 'aws_iid' };

/** Undefined when the file is not there yet. */
export function proofIn(hostFile: string): ProofConfig | undefined {
  try {
    return (JSON.parse(readFileSync(hostFile, 'utf8')) as HostFile).control.proof;
  } catch {
    return undefined;
  }
}

/** A token is good once, and an instance's document for its first key: a host that loses what it got by them needs somebody's hand. */
export function canProveAgain(proof: ProofConfig | undefined): boolean {
  return proof !== undefined && proof.kind !== 'join_token' && proof.kind !== 'aws_iid';
}

export interface HostWorkload {
  readonly workload: Workload;
  readonly health: HealthCheck | undefined;
  /** The workload's own socket: SDS and policy desk. Whoever may open it is this workload. */
  readonly agentSocket: string;
  readonly adminSocket: string;
  /** Of its proxy; left out where nobody reads it. */
  readonly accessLog?: string;
}

/** What a workload's agent is made anew for; where its application listens and is asked it only has to know. */
export function agentKeyOf({ workload, agentSocket, adminSocket }: HostWorkload): string {
  return JSON.stringify([{ ...workload, appPort: 0 }, agentSocket, adminSocket]);
}

/** Writes JSON in one step, so that a reader never sees half of it. */
export function replaceFile(path: string, content: unknown): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, JSON.stringify(content, undefined, 2), { mode: 0o600 });
  renameSync(temporary, path);
}

/** Whether it is there and such as `replaceFile` writes: JSON with the workloads of a host. */
export function isHostFile(path: string): boolean {
  try {
    const content = JSON.parse(readFileSync(path, 'utf8')) as Partial<HostFile> | null;
    return Array.isArray(content?.workloads);
  } catch {
    return false;
  }
}

const pollMs = 1_000;

/** Calls back with each new content. A file that is away or broken for a moment is skipped. */
export function watchHostFile(
  path: string,
  clock: Clock,
  onChange: (content: HostFile) => void,
): () => void {
  let last = '';
  const look = (): void => {
    try {
      const text = readFileSync(path, 'utf8');
      if (text === last) return;
      const content = JSON.parse(text) as HostFile;
      last = text;
      onChange(content);
    } catch {
      // The next look finds it.
    }
  };
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === basename(path)) look();
  });
  watcher.unref();
  let cancel = (): void => {};
  const poll = (): void => {
    look();
    cancel = clock.after(pollMs, poll);
  };
  poll();
  return () => {
    watcher.close();
    cancel();
  };
}

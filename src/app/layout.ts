import { createHash } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChanceryError } from '../base/error.ts';
import { accessLogFile } from '../compile/names.ts';

/**
 * Where one mesh on this machine keeps its things. What lasts lies in `.chancery` of the intent folder; sockets lie
 * in a short folder of the user's own, because a unix socket path holds at most 107 bytes.
 */
export interface Layout {
  readonly intentDir: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly kekFile: string;
  readonly database: string;
  readonly portsFile: string;
  readonly logsDir: string;
  /** The host's description for its agent: which workloads it serves. */
  readonly hostFile: string;
  readonly lockFile: string;
  readonly controlSocket: string;
  /** Of the agent of this machine, for `chancery host health`. */
  readonly agentSocket: string;
  /** In a folder of its own that every user may enter. */
  readonly workloadSocket: string;
}

export function layoutOf(intentDir: string, env: NodeJS.ProcessEnv): Layout {
  const stateDir = join(intentDir, '.chancery');
  const id = createHash('sha256').update(intentDir).digest('hex').slice(0, 12);
  const runDir = join(
    env['XDG_RUNTIME_DIR'] ?? tmpdir(),
    `chancery-${process.getuid?.() ?? 0}-${id}`,
  );
  return {
    intentDir,
    stateDir,
    runDir,
    kekFile: join(stateDir, 'kek'),
    database: join(stateDir, 'state.db'),
    portsFile: join(stateDir, 'ports.json'),
    logsDir: join(stateDir, 'logs'),
    hostFile: join(stateDir, 'host.json'),
    lockFile: join(runDir, 'up.lock'),
    controlSocket: join(runDir, 'control.sock'),
    agentSocket: join(runDir, 'agent.sock'),
    workloadSocket: join(`${runDir}-public`, 'workload.sock'),
  };
}

/** The name of the key-encryption key where none is given. */
export function defaultKek({ kekFile }: Layout): string {
  return `file:${kekFile}`;
}

/** Makes the folders, readable by this user only. A foreign run folder is refused, never used. */
export function makeLayout(layout: Layout): void {
  for (const dir of [layout.stateDir, layout.logsDir]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  writeFileSync(join(layout.stateDir, '.gitignore'), '*\n');
  makeRunDir(layout);
}

/** Of sockets; in a folder of temporary files it may be removed at any time. */
export function makeRunDir({ runDir }: Pick<Layout, 'runDir'>): void {
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(runDir);
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return;
  throw new ChanceryError({
    code: 'CH5404',
    message: `the run folder "${runDir}" belongs to another user or is open to others`,
    expected: 'owned by this user, mode 0700',
    found: `owned by uid ${uid}, mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    help: 'remove it, or set XDG_RUNTIME_DIR to a folder of your own',
  });
}

/** The proxy's working folder: its access log and its bootstrap. */
export function proxyDir(layout: Layout, workload: string): string {
  return join(layout.stateDir, 'proxies', workload);
}

export function accessLog(layout: Layout, workload: string): string {
  return join(proxyDir(layout, workload), accessLogFile);
}

export function workloadAgentSocket(layout: Layout, workload: string): string {
  return join(layout.runDir, `${shortName(workload)}.agent`);
}

export function adminSocket(layout: Layout, workload: string): string {
  return join(layout.runDir, `${shortName(workload)}.admin`);
}

/** Long workload names are shortened with a hash so that socket paths fit. */
function shortName(workload: string): string {
  if (workload.length <= 32) return workload;
  const hash = createHash('sha256').update(workload).digest('hex').slice(0, 8);
  return `${workload.slice(0, 23)}-${hash}`;
}

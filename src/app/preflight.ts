import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Finding } from '../base/finding.ts';
import type { HostPlan } from './host-plan.ts';

/** What must hold before anything is started; every problem at once. */
export async function preflight(
  plan: HostPlan,
  intentDir: string,
  env: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [what, port] of [
    ['control plane', plan.controlPlanePort],
    ["control plane's port for hosts", plan.agentPort],
  ] as const) {
    if (!(await isPortFree(port))) findings.push(portInUse(what, port));
  }
  for (const { workload, command } of plan.workloads) {
    const program = command[0] ?? '';
    if (findProgram(program, intentDir, env) === undefined) {
      findings.push({
        code: 'CH5411',
        severity: 'error',
        message: `the program "${program}" of ${workload.id} was not found`,
        expected: 'a program on PATH, or a path below the intent folder',
        found: `run: ${command.join(' ')}`,
        help: `install it, or mend \`run:\` in services/${workload.service}.yaml`,
      });
    }
    for (const [role, port] of [
      ['application', workload.appPort],
      ['egress', workload.egressPort],
      ['ingress', workload.ingressPort],
    ] as const) {
      if (await isPortFree(port)) continue;
      findings.push(portInUse(`${role} port of ${workload.id}`, port));
    }
  }
  return findings;
}

function portInUse(what: string, port: number): Finding {
  const owner = ownerOfPort(port);
  return {
    code: 'CH5410',
    severity: 'error',
    message: `port ${port}, the ${what}, is in use${owner === undefined ? '' : ` by ${owner}`}`,
    expected: `127.0.0.1:${port} free`,
    help: what.startsWith('application')
      ? 'end that program, or choose another port in the service file'
      : 'end that program, or remove .chancery/ports.json, so that other ports are chosen',
  };
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () =>
      server.close(() => done(true)),
    );
  });
}

/** Which ports of the mesh's range nobody listens on, looked at once. */
export async function freePortFinder(): Promise<(port: number) => boolean> {
  const busy = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeningPorts(file)));
  return (port) => !busy.has(port);
}

function listeningPorts(file: string): number[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16));
  } catch {
    return [];
  }
}

/** The path of a program as the shell would find it, from `cwd`. */
function findProgram(program: string, cwd: string, env: NodeJS.ProcessEnv): string | undefined {
  const candidates =
    isAbsolute(program) || program.includes('/')
      ? [resolve(cwd, program)]
      : (env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, program));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** `name (pid N)` of the process that listens on a TCP port, where /proc lets us see it. */
export function ownerOfPort(port: number): string | undefined {
  try {
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
    const listening = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
      readFileSync(file, 'utf8').split('\n'),
    );
    const inodes = new Set(
      listening
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === '0A')
        .map((fields) => `socket:[${fields[9]}]`),
    );
    return processWithSocket(inodes);
  } catch {
    return undefined;
  }
}

function processWithSocket(inodes: ReadonlySet<string>): string | undefined {
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (!inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`))) continue;
        return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
      }
    } catch {
      // The process ended, or belongs to another user.
    }
  }
  return undefined;
}

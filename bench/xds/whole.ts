/**
 * The whole control plane for `intent_commit_to_last_ack_ms`: `chancery server` over a Git repository with the bench's
 * mesh, the real Envoy in its gate, waves without a watch between. Its proxies are the swarm's, admitted beforehand.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { reportKind } from '../../src/app/hosts/reports.ts';
import { type Layout, layoutOf, makeLayout } from '../../src/app/layout.ts';
import type { Workload } from '../../src/compile/inventory.ts';
import type { HostRecord } from '../../src/identity/hosts/host-record.ts';
import { openStore } from '../../src/store/open.ts';
import { freePort } from '../../test/support/free-port.ts';
import { progress } from '../line.ts';
import { hostRecord } from './host-record.ts';
import { intentFiles, inventory, serviceName, weightAtFirst } from './mesh.ts';
import type { Target } from './tools.ts';

/** The first reading compiles everything and has the real Envoy judge all of it. */
const startMs = 120_000;

export interface WholeTarget extends Target {
  /** Of the API for hosts. */
  readonly agentPort: number;
  readonly controlSocket: string;
  /** A shell command that moves a percent of the hub's requests by a commit, and returns when it is committed. */
  readonly commit: string;
}

/** A host that has joined, and what runs there. */
export interface Admitted {
  readonly record: HostRecord;
  readonly workloads: readonly Workload[];
}

export async function startWhole(
  certificates: string,
  hosts: readonly Admitted[] = [{ record: hostRecord, workloads: inventory() }],
): Promise<WholeTarget> {
  const dir = join(certificates, 'intent');
  mkdirSync(dir);
  writeRepository(dir);
  const layout = layoutOf(dir, process.env);
  await admitProxies(layout, hosts);
  writeFileSync(join(layout.stateDir, 'commit.sh'), commitScript(dir), { mode: 0o755 });
  const [port, agentPort] = [await freePort(), await freePort()];
  const ca = join(certificates, 'ca.pem');
  const key = join(certificates, 'ca.key');
  chmodSync(key, 0o600);
  const child = spawn(
    process.execPath,
    [
      ...['bin/chancery.js', 'server', '--dir', dir, '--watch', '0s'],
      ...['--port', String(port), '--agent-port', String(agentPort)],
      ...['--upstream-ca-cert', ca, '--upstream-ca-key', key],
    ],
    { stdio: ['ignore', 'inherit', 'pipe'] },
  );
  const waited = AbortSignal.timeout(startMs);
  progress('the whole control plane reads its first commit');
  for await (const line of createInterface({ input: child.stderr, signal: waited })) {
    if (line.includes('the control plane serves')) break;
  }
  waited.throwIfAborted();
  child.stderr.resume();
  return {
    ...{ process: child, port, agentPort, triggersPort: 0, egressRoutes: 'egress' },
    controlSocket: layout.controlSocket,
    endpointsOf: (service) => `${service}/v1`,
    commit: join(layout.stateDir, 'commit.sh'),
  };
}

function writeRepository(dir: string): void {
  mkdirSync(join(dir, 'services'));
  for (const [file, text] of intentFiles()) writeFileSync(join(dir, file), text);
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@test', ...args], {
      cwd: dir,
    });
  };
  git('init', '--quiet', '--initial-branch', 'main');
  git('config', 'user.name', 'bench');
  git('config', 'user.email', 'bench@test');
  git('add', '.');
  git('commit', '--quiet', '--message', 'The mesh');
}

/** As if the hosts had joined and reported: the swarm has no agents. */
async function admitProxies(layout: Layout, hosts: readonly Admitted[]): Promise<void> {
  makeLayout(layout);
  const store = await openStore(layout.database);
  for (const { record, workloads } of hosts) {
    const put = (kind: string, value: unknown): Promise<unknown> =>
      store.put(kind, record.name, Buffer.from(JSON.stringify(value)), 0);
    await put('host', record);
    await put(reportKind, { workloads });
  }
  await store.close();
}

function commitScript(dir: string): string {
  const file = `services/${serviceName(0)}.yaml`;
  return [
    '#!/bin/sh',
    'set -e',
    `cd ${dir}`,
    `n=$(cat .chancery/commits 2>/dev/null || echo ${weightAtFirst})`,
    'n=$((n % 99 + 1))',
    'echo $n > .chancery/commits',
    `sed -i "s/v1: [0-9]*, v2: [0-9]*/v1: $n, v2: $((100 - n))/" ${file}`,
    'git commit --quiet --all --message "Move a percent"',
    '',
  ].join('\n');
}

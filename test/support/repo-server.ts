import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { reportKind } from '../../src/app/hosts/reports.ts';
import { layoutOf, makeLayout } from '../../src/app/layout.ts';
import type { Workload, WorkloadId } from '../../src/compile/inventory.ts';
import type { ServiceName, VersionName } from '../../src/model/types.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import { openStore } from '../../src/store/open.ts';
import { endProcess } from './end-process.ts';
import { freePort } from './free-port.ts';
import { eventually } from './running-mesh.ts';

/** A proxy that a host once reported and that is away now: whose wave a commit waits in, since nobody tells how it does. */
export async function rememberProxy(dir: string, service: string): Promise<void> {
  const layout = layoutOf(dir, process.env);
  makeLayout(layout);
  const store = await openStore(layout.database);
  const workload: Workload = {
    ...{ id: `${service}-1` as WorkloadId, service: service as ServiceName, host: 'away' },
    ...{ version: 'v1' as VersionName, address: '127.1.1.1', state: 'ready' },
    ...{ ingressPort: 20_000, egressPort: 15_001, appPort: 10_000 },
  };
  const report = Buffer.from(JSON.stringify({ workloads: [workload] }));
  await store.put(reportKind, workload.host, report, 0);
  await store.close();
}

export const entry = resolve('bin/chancery.js');

/** `chancery server` over a folder that is a repository, or holds the state of one elsewhere; without proxies. */
export async function repoServer(t: TestContext, dir: string, flags: readonly string[] = []) {
  const ports = [await freePort(), await freePort()].map(String);
  const [port = '', agentPort = ''] = ports;
  let child: ChildProcess | undefined;
  let said = '';
  const { controlSocket } = layoutOf(dir, process.env);
  const start = (): void => {
    const args = ['server', '--dir', dir, '--port', port, '--agent-port', agentPort, ...flags];
    child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  };
  /** Resolves with how long it took. */
  const end = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number> => endProcess(child, signal);
  const kill = (): Promise<number> => end('SIGKILL');
  t.after(async () => void (await kill()));
  const get = (path: string): Promise<unknown> => callApi(controlSocket, { method: 'GET', path });
  const until = (what: string, fits: (reply: StatusReply) => boolean): Promise<unknown> =>
    eventually(
      async () => {
        const reply = await get(paths.status).catch(() => ({ commit: '', warnings: [] }));
        return fits(reply as StatusReply);
      },
      20_000,
      () => `${what}:\n${said}`,
    );
  const revisions = async () => ((await get(paths.revisions)) as RevisionsReply).revisions;
  return { dir, start, kill, end, get, until, revisions, controlSocket, said: () => said };
}

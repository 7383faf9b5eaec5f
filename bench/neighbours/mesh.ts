/**
 * The mesh of `npm run bench -- neighbours`: the whole control plane over the bench's thousand services, whose sidecars are
 * the swarm's, and two more, which are bad. One endpoint that every sidecar has moves, as its host reports it.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { controlTarget } from '../../src/agent/control-trust.ts';
import type { Workload, WorkloadId } from '../../src/compile/inventory.ts';
import { spkiOf } from '../../src/identity/ca.ts';
import { hostKey } from '../../src/identity/hosts/host-record.ts';
import { fromPem } from '../../src/identity/pem.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { type HostReport, paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { hubHost } from '../xds/certificates.ts';
import { hostRecord } from '../xds/host-record.ts';
import { inventory, trustDomain, workloadId } from '../xds/mesh.ts';
import { startWhole, type WholeTarget } from '../xds/whole.ts';
import { badNames, badService } from './bad-sidecars.ts';

export interface NeighboursMesh {
  readonly target: WholeTarget;
  /** A POST to it moves the endpoint that all have. */
  readonly trigger: string;
  readonly status: () => Promise<StatusReply>;
  readonly close: () => void;
}

export async function startMesh(certificates: string): Promise<NeighboursMesh> {
  const text = (file: string): string => readFileSync(join(certificates, file), 'utf8');
  const key = hostKey(spkiOf(createPrivateKey(text('host.key'))));
  const hub = workloadId(0, 0);
  const all = inventory().map((one) => (one.id === hub ? { ...one, host: hubHost } : one));
  const onHub = all.filter(({ id }) => id === hub);
  const target = await startWhole(certificates, [
    {
      record: hostRecord,
      workloads: [...all.filter(({ id }) => id !== hub), ...badWorkloads(all)],
    },
    { record: { ...hostRecord, name: hubHost, key }, workloads: onHub },
  ]);
  const trust = { trustDomain: trustDomain as TrustDomain, x509Roots: rootsOf(text('ca.pem')) };
  const api = controlTarget({ host: '127.0.0.1', port: target.agentPort }, trust, {
    ...{ chainPem: text('host.pem'), privateKeyPem: text('host.key') },
  });
  let moves = 0;
  const move = (): Promise<unknown> => {
    moves += 1;
    const workloads = onHub.map((one) => ({ ...one, ingressPort: one.ingressPort + moves }));
    return callApi(api, { method: 'PUT', path: paths.report, body: reportOf(workloads) });
  };
  const triggers = createServer((_, response) => {
    move().then(
      () => response.end('moved\n'),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((done) => triggers.listen(0, '127.0.0.1', done));
  const address = triggers.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    ...{ target, trigger: `http://127.0.0.1:${port}/` },
    status: async () =>
      (await callApi(target.controlSocket, { method: 'GET', path: paths.status })) as StatusReply,
    close: () => {
      triggers.close();
      triggers.closeAllConnections();
      api.agent.destroy();
      target.process.kill('SIGKILL');
    },
  };
}

function rootsOf(pem: string): readonly string[] {
  const roots = fromPem('CERTIFICATE', pem);
  if (!roots.ok) throw new Error(roots.error);
  return roots.value.map((der) => Buffer.from(der).toString('base64'));
}

/** Further instances of a service that is like all others. */
function badWorkloads(all: readonly Workload[]): readonly Workload[] {
  const like = all.find(({ id }) => id === workloadId(badService, 0));
  if (like === undefined) return [];
  return Object.values(badNames).map((name, index) => ({
    ...like,
    id: name as WorkloadId,
    ingressPort: like.ingressPort + 1 + index,
  }));
}

function reportOf(workloads: readonly Workload[]): HostReport {
  return {
    ...{ workloads, trustSequence: 1, presented: [] },
    health: { canRenew: true, problems: [], identities: [], sealedBy: 'nothing' },
  };
}

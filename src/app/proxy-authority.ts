import { err, ok, type Result } from '../base/result.ts';
import type { Workload } from '../compile/inventory.ts';
import { readCertificate } from '../identity/certificate-read.ts';
import type { HostRecord } from '../identity/hosts/host-record.ts';
import { workloadId } from '../identity/spiffe-id.ts';
import { svidIdOf } from '../identity/x509-svid.ts';
import type { HostName } from '../model/types.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type { NodeInfo } from '../serve/xds/node-info.ts';
import type { IntentState } from './intent-state.ts';

/**
 * A proxy gets the configuration of the workload it names only if its SVID is that workload's service: the name is a
 * claim, the certificate is the proof (rule A6). A workload that is not registered yet is asked to come again.
 */
export function proxyAuthorizer(parts: {
  readonly workload: (id: string) => Workload | undefined;
  readonly intent: () => IntentState;
  readonly host: (name: HostName) => HostRecord | undefined;
}): (peer: Peer, node: NodeInfo) => Result<string, GrpcError> {
  return (peer, node) => {
    const state = parts.intent();
    if (state.kind !== 'running') return refused(grpcStatus.unavailable, 'no intent is loaded yet');
    if (peer.kind !== 'tls') return denied('the peer showed no certificate');
    const certificate = readCertificate(peer.certificateDer);
    if (!certificate.ok) return denied(certificate.error);
    const id = svidIdOf(certificate.value);
    if (!id.ok) return denied(`the peer's certificate is no SVID: ${id.error}`);
    const claimed = parts.workload(node.id);
    if (claimed === undefined) {
      return refused(grpcStatus.unavailable, `the workload "${node.id}" is not registered`);
    }
    const host = parts.host(claimed.host as HostName);
    if (host?.standing.kind !== 'active') {
      return denied(`the host of "${node.id}", ${claimed.host}, is not admitted to the mesh`);
    }
    const expected = workloadId(state.intent.mesh.trustDomain, claimed.service);
    return id.value === expected
      ? ok(node.id)
      : denied(`"${node.id}" belongs to ${expected}, the peer is ${id.value}`);
  };
}

function denied(message: string): Result<string, GrpcError> {
  return refused(grpcStatus.permissionDenied, message);
}

function refused(code: 7 | 14, message: string): Result<string, GrpcError> {
  return err(new GrpcError(code, message));
}

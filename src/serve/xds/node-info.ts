import { GrpcError, grpcStatus } from '../grpc/status.ts';
import type { Node } from './messages.ts';

/** What is kept of the 61 KB that an Envoy says about itself (rule A8). */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  readonly userAgent: string;
}

const textMax = 256;

/** Throws INVALID_ARGUMENT for an id that is too long to keep. */
export function nodeInfo(node: Node): NodeInfo {
  const { id, cluster, userAgentName } = node;
  // An id is compared as a whole (rule A3), so it is never shortened.
  if (id.length > textMax) {
    throw new GrpcError(grpcStatus.invalidArgument, `node.id has more than ${textMax} characters`);
  }
  const version = node.userAgentBuildVersion?.version;
  const number =
    version === undefined ? '' : `/${version.majorNumber}.${version.minorNumber}.${version.patch}`;
  return {
    id,
    cluster: cluster.slice(0, textMax),
    userAgent: `${userAgentName}${number}`.slice(0, textMax),
  };
}

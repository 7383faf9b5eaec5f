import type { Node } from '../../gen/envoy/config/core/v3/base_pb.js';

/** What is kept of the 61 KB that an Envoy says about itself (rule A8). */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  readonly userAgent: string;
}

const textMax = 256;

export function nodeInfo(node: Node): NodeInfo {
  const { id, cluster, userAgentName } = node;
  const version =
    node.userAgentVersionType.case === 'userAgentBuildVersion'
      ? node.userAgentVersionType.value.version
      : undefined;
  const number =
    version === undefined ? '' : `/${version.majorNumber}.${version.minorNumber}.${version.patch}`;
  return {
    id: id.slice(0, textMax),
    cluster: cluster.slice(0, textMax),
    userAgent: `${userAgentName}${number}`.slice(0, textMax),
  };
}

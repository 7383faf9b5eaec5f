import { create } from '@bufbuild/protobuf';
import { HealthStatus } from '../gen/envoy/config/core/v3/health_check_pb.js';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Service, VersionName } from '../model/types.ts';
import { endpointAt } from './address.ts';
import type { Workload } from './inventory.ts';
import { versionCluster } from './names.ts';
import { resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';

/**
 * The instances of one version. A version without any is an empty assignment, never a missing one (rule H4).
 * `clusterVersion` is mixed in: a changed cluster warms only when its endpoints are sent again (rule G1).
 */
export function versionEndpoints(options: {
  readonly service: Service;
  readonly version: VersionName;
  /** All of the service, in the order of the inventory. */
  readonly instances: readonly Workload[];
  readonly clusterVersion: string;
}): Resource {
  const { service, version } = options;
  const clusterName = versionCluster(service.name, version);
  const instances = options.instances.filter((workload) => workload.version === version);
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: instances.length === 0 ? [] : [{ lbEndpoints: instances.map(endpoint) }],
  });
  return resource({
    typeUrl: typeUrls.endpoints,
    name: clusterName,
    schema: ClusterLoadAssignmentSchema,
    message,
    from: [service.at],
    versionSalt: options.clusterVersion,
  });
}

function endpoint(workload: Workload) {
  return {
    healthStatus: healthStatus(workload.state),
    ...endpointAt(workload.address, workload.ingressPort),
  };
}

function healthStatus(state: Workload['state']): HealthStatus {
  switch (state) {
    case 'ready':
      return HealthStatus.HEALTHY;
    case 'unhealthy':
      return HealthStatus.UNHEALTHY;
    case 'draining':
      return HealthStatus.DRAINING;
  }
}

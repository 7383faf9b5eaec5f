import { join } from 'node:path';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { EnvoyProcess } from '../../src/app/verify/envoy-process.ts';
import { ingressBootstrap } from '../../src/app/verify/ingress-bootstrap.ts';
import { authzFilter, rbacName } from '../../src/compile/names.ts';
import type { Listener } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Intent, ServiceName } from '../../src/model/types.ts';

/** The filters that are this product's policy at ingress. */
const policyFilterNames: ReadonlySet<string> = new Set([rbacName, authzFilter]);

export interface ProxyOptions {
  readonly dir: string;
  readonly envoyPath: string;
  readonly intent: Intent;
  readonly service: string;
  readonly port: number;
  readonly appPort: number;
  readonly agentSocket: string;
  /** `without`: the same configuration but for the filters of the policy. */
  readonly policy: 'with' | 'without';
}

/** An Envoy with what the compiler gives the ingress of this service. */
export async function startProxy(options: ProxyOptions): Promise<EnvoyProcess> {
  const { policy, envoyPath, intent, port, appPort, agentSocket } = options;
  const service = options.service as ServiceName;
  const envoy = EnvoyProcess.start({
    ...{ envoyPath, dir: join(options.dir, `proxy-${policy}-${port}`) },
    bootstrap: ingressBootstrap(
      { intent, service, port, appPort, agentSocket },
      policy === 'with' ? undefined : removePolicy,
    ),
  });
  const problem = await envoy.untilItListens(port);
  if (problem !== undefined) throw new Error(`the proxy does not start: ${problem}`);
  return envoy;
}

/** Changes what was decoded a moment ago. */
function removePolicy(listener: Listener): void {
  for (const { configType } of listener.filterChains.flatMap(({ filters }) => filters)) {
    if (configType.case !== 'typedConfig') continue;
    const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
    if (manager?.routeSpecifier.case !== 'routeConfig') continue;
    const kept = manager.httpFilters.filter(({ name }) => !policyFilterNames.has(name));
    if (kept.length !== manager.httpFilters.length - policyFilterNames.size) {
      throw new Error('the policy is not the filters that the bench takes it for');
    }
    manager.httpFilters = kept;
    manager.routeSpecifier.value.typedPerFilterConfig = {};
    configType.value = anyPack(HttpConnectionManagerSchema, manager);
  }
}

import { secretsSnapshot } from '../../agent/secrets.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { ok } from '../../base/result.ts';
import type { CheckHandler } from '../../serve/authz/check-handler.ts';
import { checkMethod } from '../../serve/authz/check-method.ts';
import type { Method } from '../../serve/grpc/method.ts';
import { createGrpcServer, type GrpcServer } from '../../serve/grpc/server.ts';
import type { WorkloadView } from '../../serve/workload/source.ts';
import { XdsService } from '../../serve/xds/service.ts';

/** What an agent answers the proxy of one workload: its certificates, and the decisions of the desk. */
export function agentMethods(given: {
  readonly service: string;
  readonly view: WorkloadView;
  readonly check: CheckHandler;
}): readonly Method[] {
  const sds = new XdsService({ clock, authorize: () => ok('sds'), onEvent: () => {} });
  sds.publish('sds', secretsSnapshot(given.view));
  const check = checkMethod({ handler: given.check, serviceOf: () => given.service });
  return [...sds.methods, check];
}

export async function openAgentSocket(
  path: string,
  given: Parameters<typeof agentMethods>[0] & { readonly onError: (error: unknown) => void },
): Promise<GrpcServer> {
  const server = createGrpcServer({ methods: agentMethods(given), onError: given.onError });
  await server.listenUnix(path, 0o600);
  return server;
}

import { parseHostName } from '../model/scalars.ts';
import { pathOf, type SpiffeId } from '../model/spiffe-id.ts';
import type { HostName, ServiceName, TrustDomain } from '../model/types.ts';

export {
  parseSpiffeId,
  pathOf,
  type SpiffeId,
  type SpiffeIdError,
  trustDomainOf,
} from '../model/spiffe-id.ts';

const scheme = 'spiffe://';

export function workloadId(trustDomain: TrustDomain, service: ServiceName): SpiffeId {
  return `${scheme}${trustDomain}/${service}` as SpiffeId;
}

/** Parts of the mesh live below `/chancery/`; a service name holds no slash, so the two never meet. */
export function controlPlaneId(trustDomain: TrustDomain): SpiffeId {
  return `${scheme}${trustDomain}/chancery/control-plane` as SpiffeId;
}

const hostPath = '/chancery/host/';

export function hostId(trustDomain: TrustDomain, host: HostName): SpiffeId {
  return `${scheme}${trustDomain}${hostPath}${host}` as SpiffeId;
}

/** The host that an ID names; undefined for any other ID. */
export function hostOf(id: SpiffeId): HostName | undefined {
  const path = pathOf(id);
  if (!path.startsWith(hostPath)) return undefined;
  const name = parseHostName(path.slice(hostPath.length));
  return name.ok ? name.value : undefined;
}

/** The service that an ID names; undefined for any other ID. */
export function serviceOf(id: SpiffeId): ServiceName | undefined {
  const name = pathOf(id).slice(1);
  return name === '' || name.includes('/') ? undefined : (name as ServiceName);
}

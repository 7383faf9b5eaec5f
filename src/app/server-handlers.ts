import { systemClock as clock } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import { admissionUnlessSaid } from '../model/admission.ts';
import { type ApiUse, guarded } from '../serve/api/guard.ts';
import type { ApiHandler } from '../serve/api/server.ts';
import type { CaController } from './ca-controller.ts';
import { controlApi } from './control-api.ts';
import type { BundleEndpoint } from './federation/bundle-endpoint.ts';
import type { Federation } from './federation/federation.ts';
import type { Foundation } from './foundation.ts';
import { Admissions } from './hosts/admissions.ts';
import { Attestations } from './hosts/attestation.ts';
import { hostAttestors } from './hosts/attestors.ts';
import { hostApi, join } from './hosts/host-api.ts';
import type { HostTroubles } from './hosts/host-troubles.ts';
import type { HostReports } from './hosts/reports.ts';
import type { Notices } from './notices.ts';
import { callFault, faultsLogged } from './operators/call-fault.ts';
import { operatorAudit } from './operators/operator-api.ts';
import { Orders } from './replicas/orders.ts';

interface TrustParts {
  readonly authority: Authority;
  readonly ca: CaController;
  readonly reports: HostReports;
  readonly notices: Notices;
  readonly federation: Federation;
  readonly endpoint: BundleEndpoint | undefined;
  readonly hangs: HostTroubles['hangs'];
}

/** What is answered to operators and to hosts. */
export function handlers(foundation: Foundation, trust: TrustParts) {
  const { authority, ca, reports, notices, federation, endpoint, hangs } = trust;
  const {
    options,
    source,
    store,
    kek,
    registry,
    plane,
    xds,
    revisions,
    replica,
    gatekeeper,
    verdicts,
    operations,
    use,
  } = foundation;
  const { rollouts, upgrades, fleet, pool: desks } = revisions;
  const { log, advertise, agentPort } = options;
  const admission = () => plane.mesh?.hosts ?? admissionUnlessSaid;
  registry.onCut((host) => reports.forget(host));
  const admissions = new Admissions({
    ...{ authority, registry, store, clock, log },
    attestations: new Attestations(clock, random),
    ttlSeconds: () => plane.mesh?.defaults.svidTtlSeconds ?? 0,
  });
  const attestors = hostAttestors({ store, random, registry, admission });
  const parts = {
    ...{ plane, authority, federation, store, clock, registry, admissions, reports },
    watches: replica.watches,
    shadows: use.shadows,
  };
  const address = { host: advertise, port: agentPort };
  const audit = operatorAudit({ store, clock });
  const all = controlApi({
    ...{
      ...parts,
      xds,
      rollouts,
      upgrades,
      ca,
      notices,
      random,
      admission,
      address,
      endpoint,
      source,
      hangs,
    },
    ...use,
    ...{ gatekeeper, verdicts, operations, fleet, desks, replica, ...foundation.breakglass },
  });
  const { pushes } = foundation;
  const orders = new Orders({
    ...{ store, kek, clock, random, log, replica },
    handler: async (request) => pushes.ordered(request) ?? all(request),
  });
  pushes.through(orders);
  const onUse = (use: ApiUse): void => {
    operations.onUse(use);
    audit(use);
  };
  const control = guarded(orders.handle, onUse, operations.onUnserved, callFault(log));
  const operators: ApiHandler = async (request) =>
    (await join(parts, attestors.local, request)) ?? control(request);
  return { control, operators, hosts: faultsLogged(hostApi(parts, attestors.remote), log) };
}

import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import { expiryFinding, expiryWarnings } from '../../identity/expiry.ts';
import { hostExpiries } from './expiries.ts';
import type { HostRegistry } from './registry.ts';
import type { HostReports } from './reports.ts';

/** Certificates of hosts and their workloads that are not renewed and end soon. */
export function hostFindings(
  parts: {
    readonly registry: Pick<HostRegistry, 'active'>;
    readonly reports: Pick<HostReports, 'last'>;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  dir: string,
): readonly Finding[] {
  const { registry, reports, clock } = parts;
  const items = hostExpiries(registry.active, ({ name }) => reports.last(name)?.report, dir);
  return expiryWarnings(items, clock.nowMs()).map(expiryFinding);
}

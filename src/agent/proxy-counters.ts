import type { EnvoyAdmin } from '../envoy/admin.ts';
import type { ProxyCounters } from '../rollout/signals.ts';

/** Named so in src/compile (`statPrefix`); the names behind it are Envoy's. */
const filter =
  '^http\\.(ingress|egress)\\.(downstream_rq_completed|downstream_rq_5xx|ext_authz\\.denied)$' +
  '|\\.ssl\\.(connection_error|fail_verify_(error|san|no_cert|cert_hash))$';

/** What a proxy has counted since it started; undefined while it does not answer. */
export async function proxyCounters(
  admin: Pick<EnvoyAdmin, 'usedStats'>,
): Promise<ProxyCounters | undefined> {
  const stats = await admin.usedStats(filter);
  if (!stats.ok) return undefined;
  const sum = (pattern: RegExp): number => {
    let total = 0;
    for (const [name, value] of stats.value) if (pattern.test(name)) total += value;
    return total;
  };
  return {
    requests: sum(/downstream_rq_completed$/),
    errors: sum(/downstream_rq_5xx$/),
    denials: sum(/ext_authz\.denied$/),
    handshakeFailures: sum(/\.ssl\./),
  };
}

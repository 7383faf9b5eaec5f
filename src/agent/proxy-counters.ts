import type { EnvoyAdmin } from '../envoy/admin.ts';
import { type ProxyCounters, slowerThanMs } from '../rollout/signals.ts';

/** Named so in src/compile (`statPrefix`, clusters `SERVICE/VERSION`); the names behind it are Envoy's. */
const filter = [
  '^http\\.(ingress|egress)\\.(downstream_rq_(completed|4xx|5xx|time)|(ext_authz|rbac)\\.denied)$',
  '^tcp\\.app\\.downstream_cx_total$',
  '^ingress\\.rbac\\.denied$',
  '^cluster\\.app\\.upstream_cx_none_healthy$',
  '^cluster\\.[^.]+/[^.]+\\.upstream_rq_retry$',
  '^cluster\\.[^.]+\\.grpc\\.\\d+$',
  '\\.ssl\\.(connection_error|fail_verify_(error|san|no_cert|cert_hash))$',
].join('|');

/**
 * gRPC statuses as the HTTP statuses that google/rpc/code.proto holds them for: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
 * INTERNAL, UNAVAILABLE and DATA_LOSS are answers of 500 and above; all others but OK are answers of 400 to 499.
 */
const grpcErrors = /\.grpc\.(2|4|12|13|14|15)$/;
const grpcClientErrors = /\.grpc\.(1|3|5|6|7|8|9|10|11|16)$/;

/** Whom the gate lets in has a host; who is let in by it and not by RBAC counts there. */
const tcpDenials = /^ingress\.rbac\.denied$|^cluster\.app\.upstream_cx_none_healthy$/;

/** What a proxy has counted since it started; undefined while it does not answer. */
export async function proxyCounters(
  admin: Pick<EnvoyAdmin, 'measures'>,
): Promise<ProxyCounters | undefined> {
  // Asking flushes, and what is answered was flushed before: histograms of now need two questions.
  await admin.measures('^$');
  const measures = await admin.measures(filter);
  if (!measures.ok) return undefined;
  const { stats, histograms } = measures.value;
  const sum = (pattern: RegExp): number => {
    let total = 0;
    for (const [name, value] of stats) if (pattern.test(name)) total += value;
    return total;
  };
  const denials = sum(/^http\..*\.denied$/);
  return {
    requests: sum(/downstream_rq_completed$|downstream_cx_total$/),
    errors: sum(/downstream_rq_5xx$/) + sum(grpcErrors),
    // Its own denials are answers of 403, or of PERMISSION_DENIED.
    clientErrors: Math.max(0, sum(/downstream_rq_4xx$/) + sum(grpcClientErrors) - denials),
    denials: denials + sum(tcpDenials),
    handshakeFailures: sum(/\.ssl\./),
    retries: sum(/upstream_rq_retry$/),
    slower: slowerThanMs.map((boundMs) =>
      [...histograms.values()].reduce((total, buckets) => total + slowerThan(buckets, boundMs), 0),
    ),
  };
}

function slowerThan(buckets: ReadonlyMap<number, number>, boundMs: number): number {
  const all = Math.max(0, ...buckets.values());
  return all - (buckets.get(boundMs) ?? all);
}

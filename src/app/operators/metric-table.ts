import type { LabelValues, MetricSpec } from '../../base/metrics.ts';
import { shortType, typeUrls } from '../../compile/resource.ts';

/** From what an Envoy beside us needs to what a person notices. */
const secondsBuckets = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const counter = (help: string, ...labels: readonly string[]) => ({
  ...({ kind: 'counter', help, labels } as const satisfies MetricSpec),
});
const gauge = (help: string, ...labels: readonly string[]): MetricSpec => ({
  kind: 'gauge',
  help,
  labels,
});
const seconds = (help: string, ...labels: readonly string[]): MetricSpec => ({
  ...{ kind: 'histogram', help, labels },
  buckets: secondsBuckets,
});

/** A counter with one label whose values are known: each is there from the start. */
const counterOf = (help: string, label: string, values: readonly string[]): MetricSpec => ({
  ...counter(help, label),
  known: values.map((value) => ({ [label]: value })),
});

const types = Object.values(typeUrls).map(shortType);
const ofType = (help: string): MetricSpec => counterOf(help, 'type', types);

/** Calls of the store whose time is taken. */
export const timedOperations = [
  ...([
    'get',
    'list',
    'put',
    'remove',
    'flush',
    'ledger',
    'versions',
    'lease',
    'putLease',
  ] as const),
];
/** `refused`: at the gates. */
const verdicts = ['accepted', 'refused'];
export const rolloutOutcomes = ['live', 'taken_back'] as const;
const webhookOutcomes = ['taken', 'refused', 'late', 'failed'];
const spanLosses = ['queue', 'export'];
/** Of calls that are none of the routes, or of nobody who is known. */
export const noRoute = 'none';
const refusedCalls: readonly LabelValues[] = ['401', '404', '405'].map((status) => ({
  route: noRoute,
  status,
}));

/** Every metric of the control plane. docs/metrics.md says what each is watched for; a test holds the two together. */
export const metricTable = {
  chancery_build_info: gauge('1, with the version that runs.', 'version'),
  chancery_ready: gauge('1 when a check of /readyz holds, 0 when not.', 'check'),
  chancery_event_loop_lag_seconds: gauge(
    'How late the event loop was since the last reading.',
    'quantile',
  ),
  chancery_memory_bytes: gauge('Memory of the process, by kind.', 'kind'),
  chancery_open_files: gauge('Descriptors of the process: files and connections.'),
  chancery_open_files_max: gauge('How many it may have.'),
  chancery_cpu_seconds_total: counter('Processor time of the process.'),
  chancery_start_time_seconds: gauge('When the process started, in seconds of the epoch.'),
  chancery_xds_streams: gauge('Open xDS streams.'),
  chancery_xds_proxies: gauge('Proxies of the mesh, by state.', 'state'),
  chancery_xds_pushes_total: ofType('Answers sent to proxies.'),
  chancery_xds_resources_sent_total: ofType('Resources in those answers.'),
  chancery_xds_nacks_total: ofType('Answers that a proxy refused.'),
  chancery_xds_quarantined_total: ofType('Resources that are kept from everybody.'),
  chancery_xds_stuck_total: ofType('Answers without an acknowledgement in time.'),
  chancery_xds_sent_bytes_total: ofType('Bytes of those answers.'),
  chancery_xds_idle_pushes_total: counter('Answers that told a proxy nothing new.'),
  chancery_xds_streams_opened_total: counter('Streams that proxies opened.'),
  chancery_xds_streams_ended_total: counter('Streams that the control plane ended.', 'reason'),
  chancery_xds_healed_total: counter('Resources sent again that were never confirmed.'),
  chancery_xds_forgotten_names_total: counter('Names asked for that were not remembered.'),
  chancery_xds_behind_seconds: gauge('How long the proxy that waits longest has waited.'),
  chancery_xds_ignored_total: counter('Requests of proxies that got no answer.', 'reason'),
  chancery_xds_ack_seconds: seconds('From an answer to its acknowledgement.', 'type'),
  chancery_xds_converged_seconds: seconds('From a snapshot to its acceptance by its proxy.'),
  chancery_intent_commits_total: counterOf(
    'Commits of the intent, by verdict.',
    'verdict',
    verdicts,
  ),
  chancery_intent_rollouts_total: counterOf(
    'Accepted commits, by how they ended.',
    'outcome',
    rolloutOutcomes,
  ),
  chancery_intent_services: gauge('Services of the running commit.'),
  chancery_hosts: gauge('Hosts on record, by state.', 'state'),
  chancery_ca_root_end_seconds: gauge('Seconds until the root of the CA ends.'),
  chancery_ca_intermediate_end_seconds: gauge('Seconds until what signs ends.'),
  chancery_intent_carried_errors: gauge(
    'Errors of the commit that runs, by what is made of the part.',
    'part',
  ),
  chancery_upgrade_held_proxies: gauge(
    'Proxies that go on with what another version of the control plane compiled.',
  ),
  chancery_warnings: gauge('What a person must do something about now.'),
  chancery_store_seconds: seconds('How long the store took.', 'operation'),
  chancery_store_errors_total: counterOf(
    'Calls of the store that failed.',
    'operation',
    timedOperations,
  ),
  chancery_store_records_total: counter('Entries of the ledger, by kind.', 'kind'),
  chancery_ledger_dropped_total: counter('Entries of the ledger that were lost.'),
  chancery_replicas: gauge('Control planes of the store, by state.', 'state'),
  chancery_replica_leads: gauge('1 where it leads, 0 where it follows.'),
  chancery_replica_epoch: gauge('How often the lead has been taken, as it is known here.'),
  chancery_replica_feed_seconds: seconds('From hearing of a write of another one to its effect.'),
  chancery_replica_feed_behind_seconds: gauge('Age of the oldest such write without effect.'),
  chancery_git_webhooks_total: counterOf('Webhooks of the Git server.', 'outcome', webhookOutcomes),
  chancery_trace_spans_lost_total: counterOf(
    'Spans of traces that nobody got.',
    'reason',
    spanLosses,
  ),
  chancery_host_troubles: gauge('Hosts on which something fails below the agent, by what.', 'kind'),
  chancery_breakglass_active: gauge('Break-glass grants that are in effect.'),
  chancery_breakglass_uses_total: counter('Requests that a break-glass grant let through.'),
  chancery_api_requests_total: {
    ...counter("Calls of the operators' API.", 'route', 'status'),
    known: refusedCalls,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof metricTable;

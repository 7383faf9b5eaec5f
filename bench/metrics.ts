/** What each area prints. */
export const metrics = {
  authz: [
    ...['decisions_per_cpu_s_10', 'decisions_per_cpu_s_1000', 'decisions_per_cpu_s_10000'],
    ...['canonical_decisions_per_cpu_s', 'desk_calls_per_cpu_s', 'desk_calls_per_s'],
    ...['in_proxy_rps_ratio', 'in_proxy_added_cpu_us', 'in_proxy_clock_rps_ratio'],
    ...['desk_rps_ratio', 'desk_added_p50_ms'],
  ],
  'bad-commits': [
    ...['kinds', 'commits', 'refused', 'taken_back', 'harmless', 'live_and_harmful'],
    ...['reached_more_than_one', 'no_end', 'failed_requests', 'commit_ms'],
    ...['good_commits_not_live', 'good_failed_requests'],
  ],
  compile: [
    ...['compile_ms_10', 'compile_ms_100', 'compile_ms_1000', 'full_ms', 'full_parse_ms'],
    ...['full_compile_ms', 'rss_mb', 'endpoint_ms', 'incremental_ms'],
  ],
  identity: [
    ...['svids_per_cpu_s', 'svids_per_s', 'first_svid_ms', 'first_svid_new_entry_ms'],
    ...['entry_to_workload_p50_ms', 'entry_to_workload_p99_ms', 'ca_step_to_workload_ms'],
    ...['fetches_per_s', 'agent_rss_500_streams_mb'],
  ],
  mesh: [
    ...['up_to_green_ms', 'pair_p50_ratio', 'pair_p99_ratio', 'pair_rps_ratio', 'direct_p50_ratio'],
    ...['commit_to_ack_ms', 'control_plane_rss_mb', 'agent_rss_mb', 'envoy_rss_mb'],
  ],
  neighbours: [
    ...['slow_reader_p99_ratio', 'slow_reader_cpu_ratio', 'slow_reader_said_after_ms'],
    ...['refusing_p99_ratio', 'refusing_cpu_ratio', 'refusing_said_after_ms'],
  ],
  soak: [
    ...['requests', 'failed_requests', 'changes', 'server_rss_mb', 'agent_rss_mb', 'up_rss_mb'],
    ...['server_descriptors', 'agent_descriptors', 'up_descriptors', 'ledger_rows_per_change'],
    ...['document_rows', 'resource_rows', 'temporary_files', 'processes'],
  ],
  xds: [
    ...['endpoint_1000_last_ratio', 'endpoint_1000_cpu_ratio', 'endpoint_24_last_ratio'],
    ...['endpoint_24_cpu_ratio', 'commit_1000_last_ratio', 'commit_1000_cpu_ratio'],
    ...['connect_last_ratio', 'connect_cpu_ratio', 'storm_last_ratio', 'storm_cpu_ratio'],
    ...['storm_missed_last_ratio', 'storm_missed_cpu_ratio', 'rss_ratio', 'payload_ratio'],
    ...['storm_payload_ratio', 'intent_commit_to_last_ack_ms'],
  ],
} as const;

export type AreaName = keyof typeof metrics;
export type Metric<Area extends AreaName> = (typeof metrics)[Area][number];

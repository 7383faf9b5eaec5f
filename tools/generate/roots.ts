/** The .proto files whose messages are used; what they import comes with them. */
const roots: readonly RegExp[] = [
  /^envoy\/service\/(discovery|secret|auth|runtime)\/v3\//,
  /^envoy\/config\/(bootstrap|cluster|listener|route|endpoint|core|accesslog|rbac)\/v3\//,
  /^envoy\/extensions\/access_loggers\/(file|filters\/cel)\/v3\//,
  /^envoy\/extensions\/filters\/http\/(router|composite|ext_authz|grpc_stats|header_mutation|on_demand|rbac)\/v3\//,
  /^envoy\/extensions\/filters\/network\/(http_connection_manager|tcp_proxy|rbac|set_filter_state)\/v3\//,
  /^envoy\/extensions\/(transport_sockets\/tls|upstreams\/http)\/v3\//,
  /^envoy\/extensions\/http\/early_header_mutation\/header_mutation\/v3\//,
  /^envoy\/extensions\/resource_monitors\/fixed_heap\/v3\//,
  /^envoy\/extensions\/retry\/host\/previous_hosts\/v3\//,
  /^envoy\/extensions\/matching\/(common_inputs|input_matchers)\//,
  /^envoy\/type\/matcher\/v3\/http_inputs\.proto$/,
  /^xds\/type\/matcher\//,
];

export function isRoot(file: string): boolean {
  return roots.some((root) => root.test(file));
}

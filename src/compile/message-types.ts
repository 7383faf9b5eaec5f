import { createRegistry, type DescMessage } from '@bufbuild/protobuf';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { ActionSchema } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { FilterConfigSchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { FileAccessLogSchema } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ExpressionFilterSchema } from '../gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from '../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { FilterConfigSchema as GrpcStatsSchema } from '../gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js';
import { HeaderMutationSchema as TrailerMutationSchema } from '../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { OnDemandSchema } from '../gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js';
import { RBACSchema as HttpRbacSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { ConfigSchema as NetworkSetFilterStateSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { HeaderMutationSchema } from '../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { DynamicMetadataInputSchema } from '../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import { UriSanInputSchema } from '../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { MetadataSchema } from '../gen/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.js';
import { RuntimeFractionSchema } from '../gen/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.js';
import { PreviousHostsPredicateSchema } from '../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { RuntimeSchema } from '../gen/envoy/service/runtime/v3/rtds_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '../gen/envoy/type/matcher/v3/http_inputs_pb.js';
import { type TypeUrl, typeUrls } from './resource.ts';

/** The message of each type of resource. */
export const resourceSchemas: Readonly<Record<TypeUrl, DescMessage>> = {
  [typeUrls.secret]: SecretSchema,
  [typeUrls.cluster]: ClusterSchema,
  [typeUrls.runtime]: RuntimeSchema,
  [typeUrls.endpoints]: ClusterLoadAssignmentSchema,
  [typeUrls.listener]: ListenerSchema,
  [typeUrls.routes]: RouteConfigurationSchema,
  [typeUrls.extension]: TypedExtensionConfigSchema,
};

/** Everything that stands inside an `Any` of a compiled resource. */
export const anyTypes = createRegistry(
  FilterConfigSchema,
  ActionSchema,
  FileAccessLogSchema,
  ExpressionFilterSchema,
  CompositeSchema,
  DynamicMetadataInputSchema,
  ExecuteFilterActionSchema,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
  GrpcStatsSchema,
  OnDemandSchema,
  RouterSchema,
  RuntimeFractionSchema,
  HttpRbacSchema,
  HttpRequestHeaderMatchInputSchema,
  HttpConnectionManagerSchema,
  MetadataSchema,
  HeaderMutationSchema,
  TrailerMutationSchema,
  NetworkRbacSchema,
  NetworkSetFilterStateSchema,
  TcpProxySchema,
  UriSanInputSchema,
  PreviousHostsPredicateSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
);

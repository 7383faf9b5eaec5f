import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import {
  HttpProtocolOptions_HeadersWithUnderscoresAction,
  type HttpProtocolOptionsSchema,
} from '../gen/envoy/config/core/v3/protocol_pb.js';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { attemptLog, requestLog, type Side } from './access-log.ts';
import { joined } from './encoded.ts';
import { withoutForgedHeaders } from './forged.ts';
import { grpcCounts } from './grpc-counts.ts';
import { http2Limits, requestLimits } from './http-limits.ts';
import { localReplyConfig } from './local-replies.ts';
import { any, duration, encode, type Init } from './pack.ts';
import { templated } from './template.ts';

type HcmInit = Init<typeof HttpConnectionManagerSchema>;
export type HttpFilter = NonNullable<HcmInit['httpFilters']>[number];

/** A stream on which nothing moves for this long is ended; long polls and gRPC streams with pings live on. */
const streamIdleTimeoutMs = 300_000;
/** A peer that dribbles its headers is cut off. */
const requestHeadersTimeoutMs = 10_000;
/**
 * A certificate is looked at when a connection begins. At this age it begins to end, without a loss: what is under way is
 * done, what comes next needs another handshake. The same as how long a certificate is good for unless mesh.yaml says so.
 */
const connectionMaxMs = 3_600_000;
/** Longer by up to this, so that not all connections of one start end in one moment. */
const connectionJitterPercent = 20;

interface HttpSide {
  readonly side: Side;
  readonly routeConfigName: string;
  readonly filters: readonly HttpFilter[];
}

/**
 * The connection manager of both sides, hardened alike: a path means the same to routing, policy and the
 * application, and what cannot be normalised is refused before anything looks at it. Of one side, those of two proxies
 * differ in nothing but the names of service and proxy.
 */
export function httpConnectionManagers(options: HttpSide) {
  const encoded = templated((service, proxy) =>
    encode(HttpConnectionManagerSchema, managerInit(options, service, proxy)),
  );
  const typeUrl = `type.googleapis.com/${HttpConnectionManagerSchema.typeName}`;
  return (service: string, proxy: string) => ({
    name: 'envoy.filters.network.http_connection_manager',
    configType: {
      case: 'typedConfig' as const,
      value: create(AnySchema, { typeUrl, value: joined([encoded(service, proxy)]) }),
    },
  });
}

function managerInit({ side, ...options }: HttpSide, service: string, proxy: string): HcmInit {
  const limits = requestLimits(side === 'egress' ? 'application' : 'proxy');
  return {
    statPrefix: side,
    ...hardening,
    httpProtocolOptions: side === 'egress' ? { ...http1, acceptHttp10: true } : http1,
    maxRequestHeadersKb: limits.maxRequestHeadersKb,
    commonHttpProtocolOptions: {
      ...commonHttp,
      maxHeadersCount: limits.maxHeadersCount,
      ...(side === 'ingress' ? connectionEnd : {}),
    },
    ...clientDetails(side),
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: options.routeConfigName,
        configSource: {
          resourceApiVersion: ApiVersion.V3,
          configSourceSpecifier: { case: 'ads', value: {} },
        },
      },
    },
    httpFilters: [grpcCounts, ...options.filters, router({ side, service, proxy })],
    accessLog: [requestLog({ side, service, proxy })],
    localReplyConfig: localReplyConfig(side, service),
  };
}

const commonHttp: Init<typeof HttpProtocolOptionsSchema> = {
  headersWithUnderscoresAction: HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST,
};

/**
 * Methods that no RFC knows are methods to rules (`LIST` of Vault). An own application may speak HTTP/1.0, as nginx does
 * to what is behind it; between proxies nobody does.
 */
const http1: HcmInit['httpProtocolOptions'] = { allowCustomMethods: true };

const connectionEnd: Init<typeof HttpProtocolOptionsSchema> = {
  maxConnectionDuration: duration(connectionMaxMs),
  maxConnectionDurationJitter: { value: connectionJitterPercent },
};

/**
 * Timeouts, retries and statistics of a proxy are not its peer's to choose: from an "internal" address Envoy takes them
 * from x-envoy-* headers, and without a range that is all of loopback and RFC 1918. Nobody has the address 0.0.0.0.
 */
const nobody: HcmInit['internalAddressConfig'] = {
  cidrRanges: [{ addressPrefix: '0.0.0.0', prefixLen: 32 }],
};

const hardening: HcmInit = {
  normalizePath: true,
  mergeSlashes: true,
  // Rules are asked about each reading of it; see `canonicalPath`.
  pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
  stripPortMode: { case: 'stripAnyHostPort', value: true },
  // With the port gone here, routes match the host whole: what is left of `a:1:2` or `a:x` names no service.
  stripTrailingHostDot: true,
  http2ProtocolOptions: http2Limits,
  streamIdleTimeout: duration(streamIdleTimeoutMs),
  requestHeadersTimeout: duration(requestHeadersTimeoutMs),
  serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
  // A request id that the application or an edge gave is the id everywhere.
  preserveExternalRequestId: true,
  alwaysSetRequestIdInResponse: true,
  useRemoteAddress: true,
  internalAddressConfig: nobody,
  earlyHeaderMutationExtensions: [withoutForgedHeaders],
  upgradeConfigs: [{ upgradeType: 'websocket' }],
};

function clientDetails(side: Side): HcmInit {
  if (side === 'egress') {
    return {
      skipXffAppend: true,
      forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE,
    };
  }
  return {
    forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
    setCurrentClientCertDetails: { uri: true },
  };
}

function router(origin: { side: Side; service: string; proxy: string }): HttpFilter {
  return {
    name: 'envoy.filters.http.router',
    configType: {
      case: 'typedConfig',
      value: any(RouterSchema, {
        suppressEnvoyHeaders: true,
        upstreamLog: [attemptLog(origin)],
      }),
    },
  };
}

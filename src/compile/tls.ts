import { create } from '@bufbuild/protobuf';
import {
  type TransportSocket,
  TransportSocketSchema,
} from '../gen/envoy/config/core/v3/base_pb.js';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.js';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { agentCluster, allTrustSecret, ownSecret, trustSecret } from './names.ts';
import { any, duration } from './pack.ts';

/** A secret that never arrives fails the listener or cluster rather than hanging it (rule G6). */
const secretFetchTimeoutMs = 10_000;

/** Secrets come by delta SDS from the agent's unix socket, so that keys never leave the host. */
function agentSds(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: duration(secretFetchTimeoutMs),
    configSourceSpecifier: {
      case: 'apiConfigSource',
      value: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: 'envoyGrpc',
              value: {
                clusterName: agentCluster,
                retryPolicy: {
                  retryBackOff: { baseInterval: duration(200), maxInterval: duration(2_000) },
                },
              },
            },
          },
        ],
      },
    },
  });
}

/** Made once: every listener and cluster names both. */
const own = secret(ownSecret);
const trust = secret(trustSecret);
const allTrust = secret(allTrustSecret);

function secret(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: agentSds() });
}

/** Between proxies only modern TLS is spoken: both ends are ours. */
const tlsParams = {
  tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
  tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
};

/**
 * Every connection shows its certificates anew: Envoy resumes a session without another look at them (measured), also when
 * they have run out or their CA was taken away. `src/serve/grpc/fresh-handshakes.ts` says it of our own listeners.
 */
const freshHandshakes = {
  ingress: {
    sessionTicketKeysType: { case: 'disableStatelessSessionResumption' as const, value: true },
    disableStatefulSessionResumption: true,
  },
  upstream: { maxSessionKeys: 0 },
};

/**
 * Ingress: a client certificate is required and checked by the SPIFFE validator. `guests`: those of peers are believed, too;
 * who of them may do what is for the policy.
 */
export function ingressTls(alpn: readonly string[], guests: boolean): TransportSocket {
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: {
      case: 'typedConfig',
      value: any(DownstreamTlsContextSchema, {
        requireClientCertificate: true,
        ...freshHandshakes.ingress,
        commonTlsContext: {
          tlsParams,
          alpnProtocols: [...alpn],
          tlsCertificateSdsSecretConfigs: [own],
          validationContextType: {
            case: 'validationContextSdsSecretConfig',
            value: guests ? allTrust : trust,
          },
        },
      }),
    },
  });
}

/**
 * The identity an upstream must show: a service of the mesh, or a part of the mesh itself. The caller checks that the server
 * is who it asked for, not just any member of the mesh.
 */
export function upstreamTls(options: {
  /** One of several, where any of them may answer. */
  readonly spiffeId: string | readonly string[];
  readonly sni: string;
  readonly alpn: readonly string[];
}): TransportSocket {
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: {
      case: 'typedConfig',
      value: any(UpstreamTlsContextSchema, {
        sni: options.sni,
        ...freshHandshakes.upstream,
        commonTlsContext: {
          tlsParams,
          alpnProtocols: [...options.alpn],
          tlsCertificateSdsSecretConfigs: [own],
          validationContextType: {
            case: 'combinedValidationContext',
            value: {
              defaultValidationContext: {
                matchTypedSubjectAltNames: [options.spiffeId].flat().map((spiffeId) => ({
                  sanType: SubjectAltNameMatcher_SanType.URI,
                  matcher: { matchPattern: { case: 'exact' as const, value: spiffeId } },
                })),
              },
              validationContextSdsSecretConfig: trust,
            },
          },
        },
      }),
    },
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandom } from '../src/base/random.ts';
import { createRoot, createRootKey, issueSvid, spkiOf } from '../src/identity/ca.ts';
import { toPem } from '../src/identity/pem.ts';
import { workloadId } from '../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../src/model/types.ts';

const hcm =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = {
  name: 'router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
};

/**
 * What a careful person would write by hand for two Envoys with mutual TLS between them, and nothing else: no
 * policy, no logs, no discovery. The pair that the mesh is held against.
 */
export function startMinimalPair(options: {
  readonly dir: string;
  readonly envoyPath: string;
  readonly egressPort: number;
  readonly ingressPort: number;
  readonly appPort: number;
}): readonly ChildProcess[] {
  const { dir } = options;
  writeCertificates(dir);
  writeFileSync(join(dir, 'egress.json'), JSON.stringify(egress(options)));
  writeFileSync(join(dir, 'ingress.json'), JSON.stringify(ingress(options)));
  return ['ingress.json', 'egress.json'].map((file) =>
    spawn(
      options.envoyPath,
      ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
      { cwd: dir, stdio: 'ignore' },
    ),
  );
}

function writeCertificates(dir: string): void {
  const trustDomain = 'pair.test' as TrustDomain;
  const nowMs = Date.now();
  const random = systemRandom;
  const ca = createRoot({
    trustDomain,
    privateKey: createRootKey(),
    nowMs,
    lifetimeSeconds: 3_600,
    random,
  });
  writeFileSync(join(dir, 'ca.pem'), toPem('CERTIFICATE', ca.certificateDer));
  for (const name of ['caller', 'callee']) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spiffeId = workloadId(trustDomain, name as ServiceName);
    const publicKeySpki = spkiOf(privateKey);
    const svid = issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds: 3_600, nowMs, random });
    writeFileSync(join(dir, `${name}.pem`), svid.chainPem);
    writeFileSync(join(dir, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
}

function tls(name: string, peer: string) {
  const file = (filename: string) => ({ filename });
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    alpn_protocols: ['h2'],
    tls_certificates: [
      { certificate_chain: file(`${name}.pem`), private_key: file(`${name}.key`) },
    ],
    validation_context: {
      trusted_ca: file('ca.pem'),
      match_typed_subject_alt_names: [
        { san_type: 'URI', matcher: { exact: `spiffe://pair.test/${peer}` } },
      ],
    },
  };
}

function listener(port: number, cluster: string, extra: object) {
  return {
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        ...extra,
        filters: [
          {
            name: 'hcm',
            typed_config: {
              '@type': hcm,
              stat_prefix: 'pair',
              http_filters: [router],
              route_config: {
                virtual_hosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [{ match: { prefix: '/' }, route: { cluster } }],
                  },
                ],
              },
            },
          },
        ],
      },
    ],
  };
}

function cluster(name: string, port: number, extra: object) {
  return {
    name,
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            {
              endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
            },
          ],
        },
      ],
    },
    ...extra,
  };
}

function egress(options: { readonly egressPort: number; readonly ingressPort: number }) {
  const typed = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
  const http = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const extra = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': http,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    transport_socket: {
      name: 'tls',
      typed_config: { '@type': typed, common_tls_context: tls('caller', 'callee') },
    },
  };
  return {
    static_resources: {
      listeners: [listener(options.egressPort, 'callee', {})],
      clusters: [cluster('callee', options.ingressPort, extra)],
    },
  };
}

function ingress(options: { readonly ingressPort: number; readonly appPort: number }) {
  const typed =
    'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  const extra = {
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': typed,
        require_client_certificate: true,
        common_tls_context: tls('callee', 'caller'),
      },
    },
  };
  return {
    static_resources: {
      listeners: [listener(options.ingressPort, 'app', extra)],
      clusters: [cluster('app', options.appPort, {})],
    },
  };
}

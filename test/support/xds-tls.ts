import { create } from '@bufbuild/protobuf';
import { secretsSnapshot } from '../../src/agent/secrets.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { any, resource } from '../../src/compile/pack.ts';
import { type Resource, typeUrls } from '../../src/compile/resource.ts';
import { TransportSocketSchema } from '../../src/gen/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '../../src/gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '../../src/gen/envoy/config/core/v3/extension_pb.js';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action } from '../../src/gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../../src/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { DownstreamTlsContextSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { toPem } from '../../src/identity/pem.ts';
import type { SpiffeId } from '../../src/identity/spiffe-id.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { type Made, make } from './pki.ts';

const ads = {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads' as const, value: {} },
};
const trustDomain = 'swaps.test' as TrustDomain;
const policyName = 'policy';
const lifeMs = 3_600_000;

export function root(name: string): Made {
  return make({ name, ca: true, ...validity() });
}

export function leaf(issuer: Made, path: string): Made {
  return make({ name: '', issuer, uris: [`spiffe://${trustDomain}/${path}`], ...validity() });
}

function validity() {
  const nowMs = clock.nowMs();
  return { notBeforeMs: nowMs - lifeMs, notAfterMs: nowMs + lifeMs };
}

export function pemOf({ der, key }: Made): { readonly cert: string; readonly key: string } {
  return {
    cert: toPem('CERTIFICATE', der),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** The SVID and the bundle as an agent serves them: the secrets `default` and `ROOTCA`. */
export function secrets(svid: Made, roots: readonly Made[]): readonly Resource[] {
  const own = {
    ...{ trustDomain, sequence: 1, jwtKeys: [] },
    x509Roots: roots.map(({ der }) => Buffer.from(der).toString('base64')),
  };
  const view = {
    svids: [
      {
        spiffeId: `spiffe://${trustDomain}/in` as SpiffeId,
        ...{ serial: '', notAfterMs: 0, hint: '' },
        chainDer: [svid.der],
        privateKeyPkcs8: svid.key.export({ type: 'pkcs8', format: 'der' }),
      },
    ],
    trust: { own, federated: [] },
  };
  const all = secretsSnapshot(view).get(typeUrls.secret) ?? new Map<string, Resource>();
  return ['default', 'ROOTCA'].flatMap((name) => all.get(name) ?? []);
}

/** Lets everybody in, by a rule of this name. */
export function policy(rule: string): Resource {
  const anyone = {
    permissions: [{ rule: { case: 'any' as const, value: true } }],
    principals: [{ identifier: { case: 'any' as const, value: true } }],
  };
  const rules = { action: RBAC_Action.ALLOW, policies: { [rule]: anyone } };
  const message = create(TypedExtensionConfigSchema, {
    name: policyName,
    typedConfig: any(RBACSchema, { rules }),
  });
  return resource({
    ...{ typeUrl: typeUrls.extension, name: policyName, message, from: [] },
    schema: TypedExtensionConfigSchema,
  });
}

/** Mutual TLS with secrets, routes and policy that all come by ADS. `bufferBytes` makes one listener differ from another. */
export function tlsListener(name: string, port: number, bufferBytes: number): Resource {
  const manager = any(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: { routeConfigName: 'r', configSource: ads } },
    httpFilters: [
      {
        name: policyName,
        configType: {
          case: 'configDiscovery',
          value: {
            configSource: ads,
            typeUrls: [`type.googleapis.com/${RBACSchema.typeName}`],
          },
        },
      },
      { name: 'router', configType: { case: 'typedConfig', value: any(RouterSchema, {}) } },
    ],
  });
  const transportSocket = create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: {
      case: 'typedConfig',
      value: any(DownstreamTlsContextSchema, {
        requireClientCertificate: true,
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: ads }],
          validationContextType: {
            case: 'validationContextSdsSecretConfig',
            value: { name: 'ROOTCA', sdsConfig: ads },
          },
        },
      }),
    },
  });
  const filter = { name: 'http', configType: { case: 'typedConfig' as const, value: manager } };
  const message = create(ListenerSchema, {
    name,
    perConnectionBufferLimitBytes: bufferBytes,
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
      },
    },
    filterChains: [{ transportSocket, filters: [filter] }],
  });
  return resource({ typeUrl: typeUrls.listener, name, schema: ListenerSchema, message, from: [] });
}

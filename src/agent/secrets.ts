import { create } from '@bufbuild/protobuf';
import { ownSecret, trustSecret } from '../compile/names.ts';
import { any, resource } from '../compile/pack.ts';
import { type Resource, type Snapshot, typeUrls } from '../compile/resource.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { bundlePem } from '../identity/authority.ts';
import { toPem } from '../identity/pem.ts';
import { hasRoots, type TrustBundle } from '../identity/trust.ts';
import type { WorkloadSvid, WorkloadView } from '../serve/workload/source.ts';

/** Validates with the bundles of all trust domains, each with its own. */
const allTrustSecret = 'ALL';

/**
 * What a caller gets over SDS, under the names that SPIFFE clients and Envoy configurations use: `default` and each
 * SPIFFE ID for certificates; `ROOTCA` for the own trust domain, `spiffe://<trust domain>` for one, and `ALL`.
 */
export function secretsOf({ svids, trust }: WorkloadView): ReadonlyMap<string, Resource> {
  const [first] = svids;
  // Envoy refuses a validator without roots, and with it all others; a trust domain that is not named is not believed.
  const bundles = [trust.own, ...trust.federated.filter(hasRoots)];
  const resources = [
    ...(first === undefined ? [] : [certificate(ownSecret, first)]),
    ...svids.map((svid) => certificate(svid.spiffeId, svid)),
    validator(trustSecret, [trust.own]),
    validator(allTrustSecret, bundles),
    ...bundles.map((bundle) => validator(`spiffe://${bundle.trustDomain}`, [bundle])),
  ];
  return new Map(resources.map((one) => [one.name, one]));
}

export function secretsSnapshot(view: WorkloadView): Snapshot {
  return new Map([[typeUrls.secret, secretsOf(view)]]);
}

function certificate(name: string, svid: WorkloadSvid): Resource {
  const message = create(SecretSchema, {
    name,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: inline(svid.chainDer.map((der) => toPem('CERTIFICATE', der)).join('')),
        privateKey: inline(toPem('PRIVATE KEY', svid.privateKeyPkcs8)),
      },
    },
  });
  return resource({ typeUrl: typeUrls.secret, name, schema: SecretSchema, message, from: [] });
}

/** Always the SPIFFE validator: a merged bundle accepts a forged identity of another trust domain. */
function validator(name: string, bundles: readonly TrustBundle[]): Resource {
  const trustDomains = bundles.map((bundle) => ({
    name: bundle.trustDomain,
    trustBundle: inline(bundlePem(bundle)),
  }));
  const message = create(SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: {
        customValidatorConfig: {
          name: 'envoy.tls.cert_validator.spiffe',
          typedConfig: any(SPIFFECertValidatorConfigSchema, { trustDomains }),
        },
      },
    },
  });
  return resource({ typeUrl: typeUrls.secret, name, schema: SecretSchema, message, from: [] });
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}

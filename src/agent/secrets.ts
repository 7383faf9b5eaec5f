import { create } from '@bufbuild/protobuf';
import { ownSecret, trustSecret } from '../compile/names.ts';
import { any, resource } from '../compile/pack.ts';
import { type Resource, type Snapshot, typeUrls } from '../compile/resource.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';

/** What a workload proves itself with. PEM texts; the key never leaves this host. */
export interface WorkloadSecrets {
  readonly spiffeId: string;
  readonly trustDomain: string;
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly bundlePem: string;
}

/**
 * The SDS answer for one workload, under the names that SPIFFE clients and Envoy configurations use:
 * `default` and the SPIFFE ID for the certificate, `ROOTCA` and the trust domain's ID for the validator.
 */
export function secretsSnapshot(secrets: WorkloadSecrets): Snapshot {
  const resources = [
    certificate(ownSecret, secrets),
    certificate(secrets.spiffeId, secrets),
    validator(trustSecret, secrets),
    validator(`spiffe://${secrets.trustDomain}`, secrets),
  ];
  return new Map([[typeUrls.secret, new Map(resources.map((one) => [one.name, one]))]]);
}

function certificate(name: string, secrets: WorkloadSecrets): Resource {
  const message = create(SecretSchema, {
    name,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: inline(secrets.certificateChainPem),
        privateKey: inline(secrets.privateKeyPem),
      },
    },
  });
  return resource({ typeUrl: typeUrls.secret, name, schema: SecretSchema, message, from: [] });
}

/** Always the SPIFFE validator: a merged bundle accepts a forged identity of another trust domain. */
function validator(name: string, secrets: WorkloadSecrets): Resource {
  const message = create(SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: {
        customValidatorConfig: {
          name: 'envoy.tls.cert_validator.spiffe',
          typedConfig: any(SPIFFECertValidatorConfigSchema, {
            trustDomains: [{ name: secrets.trustDomain, trustBundle: inline(secrets.bundlePem) }],
          }),
        },
      },
    },
  });
  return resource({ typeUrl: typeUrls.secret, name, schema: SecretSchema, message, from: [] });
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}

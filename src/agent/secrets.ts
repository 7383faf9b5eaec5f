import { contentHash } from '../compile/content-hash.ts';
import { allTrustSecret, ownSecret, trustSecret } from '../compile/names.ts';
import { type Resource, type Snapshot, typeUrls } from '../compile/resource.ts';
import { toPem } from '../identity/pem.ts';
import { bundlePem, hasRoots, type TrustBundle } from '../identity/trust.ts';
import { encode, type Message } from '../serve/grpc/message.ts';
import type { WorkloadSvid, WorkloadView } from '../serve/workload/source.ts';
import { secret, spiffeValidator } from '../serve/xds/messages.ts';

const validatorType =
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

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
  const chain = svid.chainDer.map((der) => toPem('CERTIFICATE', der)).join('');
  const certificateChain = { inlineString: chain };
  const privateKey = { inlineString: toPem('PRIVATE KEY', svid.privateKeyPkcs8) };
  return secretOf({ name, tlsCertificate: { certificateChain, privateKey } });
}

/** Always the SPIFFE validator: a merged bundle accepts a forged identity of another trust domain. */
function validator(name: string, bundles: readonly TrustBundle[]): Resource {
  const trustDomains = bundles.map((bundle) => ({
    name: bundle.trustDomain,
    trustBundle: { inlineString: bundlePem(bundle) },
  }));
  const value = encode(spiffeValidator, { trustDomains });
  const typedConfig = { typeUrl: validatorType, value };
  const customValidatorConfig = { name: 'envoy.tls.cert_validator.spiffe', typedConfig };
  return secretOf({ name, validationContext: { customValidatorConfig } });
}

function secretOf(content: Partial<Message<typeof secret>> & { readonly name: string }): Resource {
  const bytes = encode(secret, content);
  const { name } = content;
  return { typeUrl: typeUrls.secret, name, version: contentHash(bytes, ''), bytes, from: [] };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { systemRandom } from '../base/random.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { createGeneration } from '../identity/ca-generation.ts';
import { trustBundle } from '../identity/rotation.ts';
import type { TrustBundle } from '../identity/trust.ts';
import type { TrustDomain } from '../model/types.ts';
import { secretsOf } from './secrets.ts';

function bundleOf(name: string): TrustBundle {
  const trustDomain = name as TrustDomain;
  const active = createGeneration({ trustDomain, nowMs: 0, random: systemRandom });
  const state = { trustDomain, sequence: 1, active, driven: 'hand' as const };
  return trustBundle({ ...state, rotation: { kind: 'none' } });
}

const own = bundleOf('shop.test');
const partner = bundleOf('partner.test');

/** The trust domains that a validation context believes. */
function believed(federated: readonly TrustBundle[], name: string): readonly string[] | undefined {
  const resource = secretsOf({ svids: [], trust: { own, federated } }).get(name);
  if (resource === undefined) return undefined;
  const { type } = fromBinary(SecretSchema, resource.bytes);
  assert.ok(type.case === 'validationContext');
  const config = type.value.customValidatorConfig?.typedConfig;
  assert.ok(config !== undefined);
  const validator = anyUnpack(config, SPIFFECertValidatorConfigSchema);
  return validator?.trustDomains.map((one) => one.name);
}

describe('validation contexts over SDS', () => {
  it('ALL believes each trust domain by its own bundle; ROOTCA only the own', () => {
    assert.deepEqual(believed([partner], 'ALL'), ['shop.test', 'partner.test']);
    assert.deepEqual(believed([partner], 'ROOTCA'), ['shop.test']);
    assert.deepEqual(believed([partner], 'spiffe://partner.test'), ['partner.test']);
  });

  it('a partner that has revoked all of its roots is not named, for Envoy would refuse the whole', () => {
    const empty = { ...partner, x509Roots: [] };
    assert.deepEqual(believed([empty], 'ALL'), ['shop.test']);
    assert.equal(believed([empty], 'spiffe://partner.test'), undefined);
  });
});

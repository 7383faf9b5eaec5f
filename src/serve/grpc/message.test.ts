import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  create,
  type DescMessage,
  fromBinary,
  type JsonObject,
  toBinary,
} from '@bufbuild/protobuf';
import { AnySchema, StructSchema } from '@bufbuild/protobuf/wkt';
import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js';
import * as spiffe from '../../gen/spiffe/workload_pb.js';
import * as workload from '../workload/messages.ts';
import { encodeStruct } from '../workload/struct.ts';
import * as xds from '../xds/messages.ts';
import { decode, encode, type Fields } from './message.ts';

const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
const text = (value: string) => ({ specifier: { case: 'inlineString' as const, value } });
const node = {
  id: 'proxy-1',
  cluster: 'shop',
  userAgentName: 'envoy',
  userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40, patch: 0 } },
};
const generatedNode = {
  ...{ id: node.id, cluster: node.cluster, userAgentName: node.userAgentName },
  userAgentVersionType: {
    case: 'userAgentBuildVersion' as const,
    value: { version: node.userAgentBuildVersion.version },
  },
};

type Content = Readonly<Record<string, unknown>>;

/** A table with a content, and the generated schema with the same content in its own words. */
const pairs: readonly (readonly [string, Fields, Content, DescMessage, Content])[] = [
  same('X509SVIDResponse', workload.x509SvidResponse, spiffe.X509SVIDResponseSchema, {
    svids: [
      { spiffeId: 'spiffe://a/b', x509Svid: bytes, x509SvidKey: bytes, bundle: bytes, hint: 'b' },
      { spiffeId: 'spiffe://a/ü', x509Svid: bytes, x509SvidKey: bytes, bundle: bytes, hint: '' },
    ],
    federatedBundles: { 'spiffe://x': bytes, 'spiffe://y': new Uint8Array([1]) },
  }),
  same('X509BundlesResponse', workload.x509BundlesResponse, spiffe.X509BundlesResponseSchema, {
    bundles: { 'spiffe://x': bytes },
  }),
  same('JWTSVIDRequest', workload.jwtSvidRequest, spiffe.JWTSVIDRequestSchema, {
    audience: ['a', '', 'c'],
    spiffeId: 'spiffe://a/b',
  }),
  same('JWTSVIDResponse', workload.jwtSvidResponse, spiffe.JWTSVIDResponseSchema, {
    svids: [{ spiffeId: 'spiffe://a/b', svid: 'x.y.z', hint: 'b' }],
  }),
  same('JWTBundlesResponse', workload.jwtBundlesResponse, spiffe.JWTBundlesResponseSchema, {
    bundles: { 'spiffe://x': bytes },
  }),
  same(
    'ValidateJWTSVIDRequest',
    workload.validateJwtSvidRequest,
    spiffe.ValidateJWTSVIDRequestSchema,
    { audience: 'a', svid: 'x.y.z' },
  ),
  [
    'ValidateJWTSVIDResponse',
    workload.validateJwtSvidResponse,
    { spiffeId: 'spiffe://a/b', claims: encodeStruct({ sub: 'b' }) },
    spiffe.ValidateJWTSVIDResponseSchema,
    { spiffeId: 'spiffe://a/b', claims: { sub: 'b' } },
  ],
  [
    'DeltaDiscoveryRequest',
    xds.deltaDiscoveryRequest,
    { node, ...withMaps(xds.deltaDiscoveryRequest, deltaRequest()) },
    DeltaDiscoveryRequestSchema,
    { node: generatedNode, ...deltaRequest() },
  ],
  same('DiscoveryRequest', xds.discoveryRequest, DiscoveryRequestSchema, {
    resourceNames: ['default', 'ROOTCA'],
    typeUrl: 'type',
    responseNonce: '7',
    errorDetail: { message: 'no' },
  }),
  same('DiscoveryResponse', xds.discoveryResponse, DiscoveryResponseSchema, {
    versionInfo: '1',
    resources: [{ typeUrl: 'type', value: bytes }],
    typeUrl: 'type',
    nonce: '7',
  }),
  same('Any', xds.any, AnySchema, { typeUrl: 'type', value: bytes }),
  [
    'Secret, a certificate',
    xds.secret,
    {
      name: 'default',
      tlsCertificate: {
        certificateChain: { inlineString: 'chain' },
        privateKey: { inlineString: 'key' },
      },
    },
    SecretSchema,
    {
      name: 'default',
      type: {
        case: 'tlsCertificate',
        value: { certificateChain: text('chain'), privateKey: text('key') },
      },
    },
  ],
  [
    'Secret, a validator',
    xds.secret,
    {
      name: 'ROOTCA',
      validationContext: {
        customValidatorConfig: { name: 'v', typedConfig: { typeUrl: 'type', value: bytes } },
      },
    },
    SecretSchema,
    {
      name: 'ROOTCA',
      type: {
        case: 'validationContext',
        value: {
          customValidatorConfig: { name: 'v', typedConfig: { typeUrl: 'type', value: bytes } },
        },
      },
    },
  ],
  [
    'SPIFFECertValidatorConfig',
    xds.spiffeValidator,
    { trustDomains: [{ name: 'a.test', trustBundle: { inlineString: 'pem' } }] },
    SPIFFECertValidatorConfigSchema,
    { trustDomains: [{ name: 'a.test', trustBundle: text('pem') }] },
  ],
];

function same(name: string, fields: Fields, schema: DescMessage, content: Content) {
  return [name, fields, withMaps(fields, content), schema, content] as const;
}

/** Maps of the generated types are records. */
function withMaps(fields: Fields, content: Content): Content {
  return Object.fromEntries(
    Object.entries(content).map(([name, value]) => {
      const isMap = fields[name]?.[1].startsWith('map of') === true;
      return [name, isMap ? new Map(Object.entries(value as object)) : value];
    }),
  );
}

function deltaRequest() {
  return {
    typeUrl: 'type',
    resourceNamesSubscribe: ['a', 'b'],
    resourceNamesUnsubscribe: ['c'],
    initialResourceVersions: { a: '1', b: '2' },
    responseNonce: '7',
    errorDetail: { message: 'no' },
  };
}

describe('messages as tables', () => {
  for (const [name, fields, content, schema, generated] of pairs) {
    const theirs = toBinary(schema, create(schema, generated));
    it(`${name} is written as the generated code writes it, and read back`, () => {
      assert.deepEqual(encode(fields, content as never), theirs);
      assert.deepEqual(plain(decode(fields, theirs)), {
        ...plain(decode(fields, new Uint8Array())),
        ...plain(content),
      });
    });

    it(`${name} cut short or changed is read by both or by none`, () => {
      for (let at = 0; at < theirs.length; at += 1) {
        const cut = theirs.slice(0, at);
        assert.equal(
          reads(() => decode(fields, cut)),
          reads(() => fromBinary(schema, cut)),
          `cut at ${at}`,
        );
      }
    });
  }

  it('what is not known is skipped', () => {
    const more = Buffer.from('0a01788001013a00', 'hex');
    assert.deepEqual(decode({ a: [1, 'string'] }, more), { a: 'x' });
  });

  it('text that is no UTF-8 is refused', () => {
    assert.throws(
      () => decode({ a: [1, 'string'] }, Buffer.from('0a01ff', 'hex')),
      /not the message/,
    );
  });

  it('a name such as __proto__ is a member like any other', () => {
    const map = { bundles: [1, 'map of string'] } as const;
    const { bundles } = decode(map, Buffer.from('0a0e0a095f5f70726f746f5f5f120178', 'hex'));
    assert.deepEqual([...bundles], [['__proto__', 'x']]);
  });

  it('claims are a Struct', () => {
    const claims: JsonObject = {
      ...{ text: 'ü', zero: 0, number: -1.5, yes: true, no: false, nothing: null },
      ...{ list: [1, 'a', [], {}], inner: { a: { b: '' } }, empty: {} },
    };
    assert.deepEqual(encodeStruct(claims), toBinary(StructSchema, fromJsonStruct(claims)));
  });
});

function fromJsonStruct(claims: JsonObject) {
  const message = create(spiffe.ValidateJWTSVIDResponseSchema, { claims });
  const bytes = toBinary(spiffe.ValidateJWTSVIDResponseSchema, message);
  const { claims: inner } = decode(workload.validateJwtSvidResponse, bytes);
  return fromBinary(StructSchema, inner);
}

function reads(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

/** Without the difference of one kind of byte array and another. */
function plain(value: unknown): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(value, (_key, inner) => {
      if (inner instanceof Map) return Object.fromEntries(inner);
      return inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner;
    }),
  );
}

import { create, toBinary } from '@bufbuild/protobuf';
import { rbacFilter } from '../../src/compile/names.ts';
import { CheckRequestSchema } from '../../src/gen/envoy/service/auth/v3/external_auth_pb.js';
import { frame } from '../../src/serve/grpc/frames.ts';
import { type Sample, trustDomain } from './rules.ts';

/** As Envoy 1.40 asks at ingress with this product's configuration. */
export function framedCheck({ callee, raw }: Sample): Buffer {
  const message = create(CheckRequestSchema, {
    attributes: {
      source: { address: address(41_234), principal: raw.principal },
      destination: {
        address: address(15_101),
        principal: `spiffe://${trustDomain}/${callee}`,
      },
      request: {
        time: { seconds: 1_800_000_000n, nanos: 123_456_000 },
        http: {
          id: '5577006791947779410',
          method: raw.method,
          path: raw.path,
          host: raw.host,
          scheme: 'https',
          protocol: 'HTTP/2',
          size: -1n,
          headerMap: {
            headers: [...raw.headers].map(([key, value]) => ({
              key,
              rawValue: Buffer.from(value),
            })),
          },
        },
      },
      contextExtensions: { 'chancery.side': 'ingress', 'chancery.service': callee },
      metadataContext: {
        filterMetadata: {
          [rbacFilter]: {
            enforced_effective_policy_id: 'ask/default',
            enforced_engine_result: 'allowed',
          },
        },
      },
      routeMetadataContext: {},
    },
  });
  return frame(toBinary(CheckRequestSchema, message));
}

function address(port: number) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: {
        address: '127.0.0.1',
        portSpecifier: { case: 'portValue' as const, value: port },
      },
    },
  };
}

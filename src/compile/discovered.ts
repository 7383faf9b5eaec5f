import type { Any } from '@bufbuild/protobuf/wkt';
import {
  ApiVersion,
  type ExtensionConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.js';
import type { Init } from './pack.ts';

/**
 * A filter of which the configuration is a resource of its own, by the name of the filter (ECDS): a changed rule drains no
 * listener. `until`: what holds until it has come, and if it never does.
 */
export function discovered(until: Any): Discovered {
  return {
    case: 'configDiscovery',
    value: {
      configSource: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: { case: 'ads', value: {} },
      },
      defaultConfig: until,
      applyDefaultConfigWithoutWarming: true,
      typeUrls: [until.typeUrl],
    },
  };
}

interface Discovered {
  readonly case: 'configDiscovery';
  readonly value: Init<typeof ExtensionConfigSourceSchema>;
}

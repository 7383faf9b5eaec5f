import { FilterConfigSchema } from '../gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js';
import type { HttpFilter } from './http.ts';
import { any } from './pack.ts';

/**
 * Counts answers by their gRPC status, `cluster.NAME.grpc.STATUS`: whatever a call ends with, its HTTP status is 200, also
 * where the proxy itself answers. First in the chain, so that it counts what any filter answers; of all other requests it
 * reads the content type. Methods are not told apart, for nobody bounds how many there are; a path that is no `/SERVICE/METHOD`
 * is not counted.
 */
export const grpcCounts: HttpFilter = {
  name: 'envoy.filters.http.grpc_stats',
  configType: {
    case: 'typedConfig',
    value: any(FilterConfigSchema, {
      perMethodStatSpecifier: { case: 'statsForAllMethods', value: { value: false } },
    }),
  },
};

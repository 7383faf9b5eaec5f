import type { AccessLogFilterSchema } from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ExpressionFilterSchema } from '../gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { any, type Init } from './pack.ts';

/** Of Envoy's own attributes; an expression that cannot be evaluated does not hold. */
export function celFilter(expression: string): Init<typeof AccessLogFilterSchema> {
  return {
    filterSpecifier: {
      case: 'extensionFilter',
      value: {
        name: 'cel',
        configType: { case: 'typedConfig', value: any(ExpressionFilterSchema, { expression }) },
      },
    },
  };
}

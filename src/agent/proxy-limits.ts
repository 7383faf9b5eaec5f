import type { JsonObject } from '@bufbuild/protobuf';
import { ingressListener } from '../compile/names.ts';
import { any, duration, type Init } from '../compile/pack.ts';
import type { RuntimeLayerSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import {
  type OverloadActionSchema,
  type OverloadManagerSchema,
  ScaleTimersOverloadActionConfig_TimerType,
  ScaleTimersOverloadActionConfigSchema,
} from '../gen/envoy/config/overload/v3/overload_pb.js';
import { FixedHeapConfigSchema } from '../gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.js';

/** Proxies of callers have one or a few to each instance. What comes beyond is closed at once. */
const ingressConnectionsMax = 8_192;
/**
 * Requests that are begun of one connection before others have their turn. What is reset until then asks nobody: a flood of
 * resets would else be one of questions taken back, at which Envoy ends its connection to the desk, that of all callers.
 */
const requestsPerTurnMax = 64;
/** A connection on which more than half of so many requests were reset within a second of their beginning is closed. */
const earlyResetsMax = 500;
const earlyResetSeconds = 1;

const staticRuntime: JsonObject = {
  [`envoy.resource_limits.listener.${ingressListener}.connection_limit`]: ingressConnectionsMax,
  'http.max_requests_per_io_cycle': requestsPerTurnMax,
  'overload.premature_reset_total_stream_count': earlyResetsMax,
  'overload.premature_reset_min_stream_lifetime_seconds': earlyResetSeconds,
};

export const limitsLayer: Init<typeof RuntimeLayerSchema> = {
  name: 'limits',
  layerSpecifier: { case: 'staticLayer', value: staticRuntime },
};

/** Some four times what a proxy of ten thousand callees has. */
const heapBytesMax = 2 * 1024 ** 3;
const heapCheckMs = 250;
const fixedHeap = 'envoy.resource_monitors.fixed_heap';
/** Of what moves as little, when memory is short: an answer that its caller does not read, a body that does not come. */
const idleShortMs = 5_000;
const ScaledTimer = ScaleTimersOverloadActionConfig_TimerType;

/** Ends what does not move before it takes no more requests. */
export const overloadManager: Init<typeof OverloadManagerSchema> = {
  refreshInterval: duration(heapCheckMs),
  resourceMonitors: [
    {
      name: fixedHeap,
      configType: {
        case: 'typedConfig',
        value: any(FixedHeapConfigSchema, { maxHeapSizeBytes: BigInt(heapBytesMax) }),
      },
    },
  ],
  actions: [
    atHeap('envoy.overload_actions.shrink_heap', { case: 'threshold', value: { value: 0.7 } }),
    {
      ...atHeap('envoy.overload_actions.reduce_timeouts', {
        case: 'scaled',
        value: { scalingThreshold: 0.7, saturationThreshold: 0.9 },
      }),
      typedConfig: any(ScaleTimersOverloadActionConfigSchema, {
        timerScaleFactors: [
          ScaledTimer.HTTP_DOWNSTREAM_CONNECTION_IDLE,
          ScaledTimer.HTTP_DOWNSTREAM_STREAM_IDLE,
          ScaledTimer.HTTP_DOWNSTREAM_STREAM_FLUSH,
        ].map((timer) => ({
          timer,
          overloadAdjust: { case: 'minTimeout' as const, value: duration(idleShortMs) },
        })),
      }),
    },
    atHeap('envoy.overload_actions.stop_accepting_requests', {
      case: 'threshold',
      value: { value: 0.95 },
    }),
  ],
};

function atHeap(
  name: string,
  triggerOneof: NonNullable<
    NonNullable<Init<typeof OverloadActionSchema>['triggers']>[number]['triggerOneof']
  >,
): Init<typeof OverloadActionSchema> {
  return { name, triggers: [{ name: fixedHeap, triggerOneof }] };
}

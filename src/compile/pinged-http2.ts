import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { httpOptionsName } from './names.ts';
import { any, duration } from './pack.ts';

/** How a cluster speaks to what may hang: a kernel goes on answering for its process, and only a ping that is not answered tells. */
export function pingedHttp2({ everyMs, timeoutMs }: { everyMs: number; timeoutMs: number }) {
  const connectionKeepalive = { interval: duration(everyMs), timeout: duration(timeoutMs) };
  const options = any(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: { connectionKeepalive } } },
    },
  });
  return { [httpOptionsName]: options };
}

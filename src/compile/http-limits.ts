import type { Http2ProtocolOptionsSchema } from '../gen/envoy/config/core/v3/protocol_pb.js';
import type { Init } from './pack.ts';

/** What a peer may send and make a proxy hold; what is larger is refused. */
export const requestHeadersKbMax = 64;
export const headersCountMax = 128;
/** A proxy adds some of its own: what one has let through the next one does not refuse. */
const addedHeaders = 8;
const addedHeadersKb = 4;

/** What comes from an application, or from another proxy that had it from one. */
type From = 'application' | 'proxy';

export function requestLimits(from: From) {
  const more = from === 'proxy' ? 1 : 0;
  return {
    maxHeadersCount: headersCountMax + more * addedHeaders,
    maxRequestHeadersKb: requestHeadersKbMax + more * addedHeadersKb,
  };
}

export function responseLimits(from: From) {
  const more = from === 'proxy' ? 1 : 0;
  return {
    maxHeadersCount: headersCountMax + more * addedHeaders,
    maxResponseHeadersKb: requestHeadersKbMax + more * addedHeadersKb,
  };
}

const concurrentStreamsMax = 1_024;
/**
 * Also what Envoy holds of one body for a peer that does not read: it fits into the window, whatever the peer's own says.
 * At a round trip of 10 ms 50 MB/s for one stream.
 */
const streamWindowBytes = 512 * 1024;
/** 64 streams that nobody reads leave the others of their connection alone. */
const connectionWindowBytes = 64 * streamWindowBytes;
/** All callers share the connection to an application: no number of streams that one does not read holds up those of others. */
const sharedWindowBytes = concurrentStreamsMax * streamWindowBytes;

type Http2 = Init<typeof Http2ProtocolOptionsSchema>;

/** Each is Envoy's own; said here, so that no other version has others. */
const floods: Http2 = {
  maxOutboundFrames: 10_000,
  // Answers to pings, settings and resets that the peer does not read.
  maxOutboundControlFrames: 1_000,
  // Also CONTINUATION.
  maxConsecutiveInboundFramesWithEmptyPayload: 1,
  maxInboundPriorityFramesPerStream: 100,
  maxInboundWindowUpdateFramesPerDataFrameSent: 10,
};

/** `allowConnect` carries WebSocket upgrades. */
export const http2Limits: Http2 = {
  maxConcurrentStreams: concurrentStreamsMax,
  initialStreamWindowSize: streamWindowBytes,
  initialConnectionWindowSize: connectionWindowBytes,
  allowConnect: true,
  ...floods,
};

export const http2ToApplication: Http2 = {
  ...http2Limits,
  initialConnectionWindowSize: sharedWindowBytes,
};

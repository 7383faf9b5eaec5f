import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  headersCountMax,
  http2Limits,
  http2ToApplication,
  requestLimits,
  responseLimits,
} from './http-limits.ts';

describe('the limits of what is sent', () => {
  it("what a callee's proxy takes of an application its caller's takes of it, with what it adds", () => {
    const [own, next] = [responseLimits('application'), responseLimits('proxy')];
    assert.equal(own.maxHeadersCount, headersCountMax);
    // date, x-request-id and x-chancery-*.
    assert.ok(next.maxHeadersCount >= own.maxHeadersCount + 4);
    assert.ok(next.maxResponseHeadersKb > own.maxResponseHeadersKb);
  });

  it("what a caller's proxy takes of an application its callee's takes of it, with what it adds", () => {
    const [own, next] = [requestLimits('application'), requestLimits('proxy')];
    assert.equal(own.maxHeadersCount, headersCountMax);
    // x-forwarded-proto, x-request-id, x-envoy-attempt-count and the four of the request line.
    assert.ok(next.maxHeadersCount >= own.maxHeadersCount + 7);
    assert.ok(next.maxRequestHeadersKb > own.maxRequestHeadersKb);
  });

  it('no number of streams that one caller does not read holds up those of others', () => {
    const { maxConcurrentStreams = 0, initialStreamWindowSize = 0 } = http2ToApplication;
    const { initialConnectionWindowSize = 0 } = http2ToApplication;
    assert.ok(initialConnectionWindowSize >= maxConcurrentStreams * initialStreamWindowSize);
    assert.ok(initialConnectionWindowSize < 2 ** 31);
    assert.ok((http2Limits.initialConnectionWindowSize ?? 0) < initialConnectionWindowSize);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deny } from '../../policy/decision.ts';
import type { CheckAnswer } from './check-response.ts';
import { denialAnswer } from './denial.ts';

type Denied = CheckAnswer & { readonly kind: 'denied' };

function answer(contentType: string, reason = 'web may not go there'): Denied {
  const decision = deny({ code: 'CH2101', reason });
  const found = denialAnswer({
    ...{ decision, id: 'd-1', side: 'ingress', contentType, isMember: true },
    ...{ challenge: undefined, metadata: [] },
  });
  assert.ok(found.kind === 'denied');
  return found;
}

const headerOf = ({ headers }: Denied, wanted: string): string | undefined =>
  headers.find(([name]) => name === wanted)?.[1];

describe('the answer to who is denied', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc+json']) {
    it(`is a sentence for ${type}, which Envoy makes gRPC of`, () => {
      const found = answer(type);
      assert.deepEqual([found.httpStatus, found.body], [403, 'CH2101: web may not go there (d-1)']);
      assert.equal(headerOf(found, 'content-type'), undefined);
    });
  }

  for (const type of [
    ...['application/grpc-web', 'application/grpc-web+proto'],
    'application/grpc-web-text; charset=utf-8',
  ]) {
    it(`is status and message among the headers for ${type}`, () => {
      const found = answer(type, 'ü may not');
      assert.deepEqual([found.httpStatus, found.body], [200, '']);
      assert.equal(headerOf(found, 'grpc-status'), '7');
      assert.equal(headerOf(found, 'grpc-message'), 'CH2101: %C3%BC may not (d-1)');
    });
  }

  for (const type of ['', 'application/grpcx', 'application/grpc; a=b', 'text/application/grpc']) {
    it(`is JSON for "${type}"`, () => {
      const found = answer(type);
      assert.equal(found.httpStatus, 403);
      assert.equal(headerOf(found, 'content-type'), 'application/json');
      assert.equal(JSON.parse(found.body).error.code, 'CH2101');
    });
  }
});

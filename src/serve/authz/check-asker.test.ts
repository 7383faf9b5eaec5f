import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { type CompiledPolicy, compilePolicy } from '../../policy/compiled-policy.ts';
import { sketchPolicy } from '../../policy/policy.fixture.ts';
import { type Asker, checkHandler, newDeskCounters } from './check-handler.ts';
import type { DecisionRecord } from './decision-record.ts';

const policy = (path: string): CompiledPolicy =>
  compilePolicy(sketchPolicy({ services: { web: [], api: [`allow web GET ${path}`] } }));
const [base, ahead] = [policy('/old'), policy('/new')];

/** A desk of which `api-v1` is ahead; `pool`: it is one of several. */
function world(pool = true) {
  const askers: Asker[] = [];
  const records: DecisionRecord[] = [];
  const handler = checkHandler({
    policy: (asker) => {
      askers.push(asker);
      return asker.proxy === 'api-v1' ? ahead : base;
    },
    clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => 0 },
    nextId: () => 'd-1',
    onDecision: (record) => records.push(record),
    counters: newDeskCounters(),
    ...(pool ? { host: () => 'authz-1' } : {}),
  });
  const ask = (request: Uint8Array, service = 'api', proxy?: string) => {
    const answer = handler(request, service, proxy);
    assert.ok(!(answer instanceof Promise) && answer.ok);
    const { httpResponse, dynamicMetadata } = fromBinary(CheckResponseSchema, answer.value);
    return { isAllowed: httpResponse.case === 'okResponse', metadata: dynamicMetadata };
  };
  return { ask, askers, records };
}

function question(labels: Readonly<Record<string, string>>, more = {}): Uint8Array {
  return toBinary(
    CheckRequestSchema,
    create(CheckRequestSchema, {
      attributes: {
        source: { principal: 'spiffe://acme/web', labels: { proxy: 'api-v1' } },
        destination: { labels },
        request: { http: { method: 'GET', path: '/new', host: 'api' } },
        contextExtensions: { 'chancery.side': 'ingress', 'chancery.service': 'api', ...more },
      },
    }),
  );
}

describe('which proxy asks', () => {
  it('is what it calls itself, where the connection tells only of which service it is', () => {
    const { ask, records } = world();
    assert.equal(ask(question({ proxy: 'api-v1' })).isAllowed, true);
    assert.equal(ask(question({ proxy: 'api-v2' })).isAllowed, false);
    assert.deepEqual(
      records.map(({ proxy }) => proxy),
      ['api-v1', 'api-v2'],
    );
  });

  it('is not said by one that an agent of before has started, nor by anybody else in the question', () => {
    const { ask, askers } = world();
    ask(question({}));
    ask(question({ other: 'api-v1' }, { proxy: 'api-v1' }));
    ask(question({ proxy: '' }));
    ask(question({ proxy: 'a'.repeat(257) }));
    ask(new Uint8Array([255]));
    assert.deepEqual(new Set(askers.map(({ proxy }) => proxy)), new Set([undefined]));
  });

  it('is by the socket, where there is one, whatever a question says', () => {
    const { ask } = world(false);
    assert.equal(ask(question({ proxy: 'api-v1' }), 'api', 'api-v2').isAllowed, false);
    assert.equal(ask(question({ proxy: 'api-v2' }), 'api', 'api-v1').isAllowed, true);
  });

  it('changes nothing of which service it asks for', () => {
    const { ask, askers } = world();
    ask(question({ proxy: 'api-v1' }, { 'chancery.service': 'api' }), 'web');
    assert.deepEqual(askers, [{ service: 'web', proxy: 'api-v1' }]);
  });
});

describe('a decision', () => {
  it('names the desk that made it where there are several: its log is on that host', () => {
    assert.equal(world().ask(question({})).metadata?.['desk'], 'authz-1');
    assert.equal(world(false).ask(question({}), 'api', 'api-v1').metadata?.['desk'], undefined);
  });
});

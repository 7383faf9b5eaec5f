import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { ingressListener, rbacName } from '../../src/compile/names.ts';
import { encodedResource } from '../../src/compile/pack.ts';
import { type Snapshot, typeUrls } from '../../src/compile/resource.ts';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { ownDomain, type PairPolicy, type PairRequest } from '../support/authz-pairs.ts';
import { AuthzWorld, formsOf } from '../support/authz-world.ts';
import { eventually } from '../support/running-mesh.ts';

const web = [`spiffe://${ownDomain}/web`];
const cart = [`spiffe://${ownDomain}/cart`];
const reports = [`spiffe://${ownDomain}/reports`];
const logFlushMs = 15_000;

const policy: PairPolicy = {
  roles: {},
  decide: 'proxy',
  rules: [
    { id: 'read', effect: 'allow', from: ['web', 'cart'], request: ['GET /**', 'POST /**'] },
    {
      ...{ id: 'tenant', effect: 'allow', from: ['reports'], request: ['GET /**'] },
      headers: { 'x-tenant': 'acme' },
    },
    { id: 'no-internal', effect: 'deny', from: ['*'], request: ['* /internal/**'] },
    { id: 'soon', effect: 'deny', from: ['cart'], request: ['* /old/**'], mode: 'audit' },
    {
      ...{ id: 'hears', effect: 'deny', from: ['cart'], request: ['* /heard/**'], mode: 'audit' },
      when: '"loud" in request.query',
    },
    {
      ...{ id: 'no-debug', effect: 'deny', from: ['*'], request: ['* /**'] },
      headers: { 'x-debug': 'on' },
    },
  ],
};

function request(callers: readonly string[], target: string, more: Partial<PairRequest> = {}) {
  return {
    ...{ callers, target, method: 'GET', host: 'payments', headers: [], meaning: undefined },
    ...more,
  };
}

describe('what the proxy decides by itself', { timeout: 60_000 }, () => {
  const world = new AuthzWorld();
  before(() => world.start(formsOf(policy)));
  after(() => world.stop());

  it('a denial by a rule: its code, the rule and what it is called, without a question to the desk', async () => {
    const before = await world.asked();
    const answer = await world.send('denied-1', request(web, '/internal/keys'));
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('x-chancery-code'), 'CH2102');
    assert.equal(answer.headers.get('x-chancery-decision'), 'denied-1');
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.deepEqual(JSON.parse(answer.body), {
      error: {
        code: 'CH2102',
        message: 'deny rule "no-internal" of payments forbids it',
        decision: 'denied-1',
        rule: 'no-internal',
        answered_by: 'ingress proxy of payments',
      },
    });
    assert.equal(await world.asked(), before);
  });

  it('each connection shows its certificate anew: no session is resumed', async () => {
    assert.equal(await world.resumes(web), false);
  });

  it('the same to gRPC', async () => {
    const { status, headers } = await world.send(
      'denied-2',
      request(web, '/internal/keys', {
        method: 'POST',
        headers: [['content-type', 'application/grpc']],
      }),
    );
    assert.equal(status, 200);
    assert.equal(headers.get('grpc-status'), '7');
    assert.equal(headers.get('x-chancery-code'), 'CH2102');
    assert.match(
      decodeURIComponent(headers.get('grpc-message') ?? ''),
      /^CH2102: deny rule "no-internal" of payments forbids it \(denied-2\)$/,
    );
  });

  it('an allow by a header, and an allow that a rule in audit would refuse', async () => {
    const before = await world.asked();
    const tenant = { headers: [['x-tenant', 'acme'] as const] };
    assert.equal((await world.send('tenant', request(reports, '/x', tenant))).status, 200);
    assert.equal((await world.send('audited', request(cart, '/old/x'))).status, 200);
    assert.equal((await world.send('quiet', request(cart, '/new/x'))).status, 200);
    assert.equal(await world.asked(), before);
  });

  it('what only a rule in audit at the desk can be about is allowed, and the desk hears it', async () => {
    const before = await world.asked();
    for (const query of ['loud', 'quiet']) {
      const target = `/heard/x?${query}`;
      assert.equal((await world.send(`heard-${query}`, request(cart, target))).status, 200);
    }
    assert.equal(await world.asked(), before + 2);
    assert.equal((await world.send('unheard', request(web, '/heard/x?loud'))).status, 200);
    assert.equal(await world.asked(), before + 2, 'the rule is not about this caller');
  });

  it('what it cannot tell it asks', async () => {
    const before = await world.asked();
    const debug = (value: string) => ({ headers: [['x-debug', value] as const] });
    const denied = await world.send('listed', request(web, '/x', debug('off, on')));
    assert.equal(denied.status, 403);
    assert.equal((JSON.parse(denied.body) as { error: { rule: string } }).error.rule, 'no-debug');
    assert.equal((await world.send('off', request(web, '/x', debug('off')))).status, 200);
    assert.equal((await world.send('nobody', request(reports, '/x'))).status, 403);
    assert.equal(await world.asked(), before + 3);
  });

  it('the log names the rules', async () => {
    let log: Awaited<ReturnType<typeof world.log>> = new Map();
    await eventually(
      async () => {
        log = await world.log();
        return log.has('nobody');
      },
      logFlushMs,
      () => [...log.keys()].join(),
    );
    const said = (id: string) => [log.get(id)?.['rule'], log.get(id)?.['audit']];
    assert.deepEqual(said('denied-1'), ['deny/no-internal', undefined]);
    assert.deepEqual(said('tenant'), ['allow/tenant', undefined]);
    assert.deepEqual(said('audited'), ['allow/read', 'deny/soon']);
    assert.deepEqual(said('quiet'), ['allow/read', undefined]);
    assert.deepEqual(said('listed'), ['ask/no-debug', undefined]);
    assert.deepEqual(said('heard-loud'), ['allow/read', 'ask/hears']);
    assert.deepEqual(said('unheard'), ['allow/read', undefined]);
  });

  it('holds while the desk is away; what it would ask is answered 503, never let through', async () => {
    world.closeDesk();
    assert.equal((await world.send('away-1', request(web, '/internal/keys'))).status, 403);
    assert.equal((await world.send('away-2', request(web, '/x'))).status, 200);
    const asked = await world.send('away-3', request(reports, '/x'));
    assert.equal(asked.status, 503);
    assert.equal(asked.headers.get('x-chancery-code'), 'CH2190');
  });

  it('a rule in audit keeps nobody out while the desk that would hear it is away', async () => {
    const missed = () => world.missed();
    const before = await missed();
    assert.equal((await world.send('away-4', request(cart, '/heard/x?loud'))).status, 200);
    assert.equal((await world.send('away-5', request(cart, '/internal/x'))).status, 403);
    assert.equal(await missed(), before + 1);
  });
});

describe('with `decide: desk`', { timeout: 60_000 }, () => {
  const world = new AuthzWorld();
  before(() => world.start(formsOf({ ...policy, decide: 'desk' })));
  after(() => world.stop());

  it('every request is asked about', async () => {
    const before = await world.asked();
    assert.equal((await world.send('all-1', request(web, '/x'))).status, 200);
    assert.equal((await world.send('all-2', request(web, '/internal/x'))).status, 403);
    assert.equal(await world.asked(), before + 2);
  });
});

describe('before the policy of a proxy has come', { timeout: 60_000 }, () => {
  const world = new AuthzWorld();
  before(() =>
    world.start(formsOf(policy), (snapshot) =>
      new Map(snapshot).set(typeUrls.extension, new Map()),
    ),
  );
  after(() => world.stop());

  it('the desk decides', async () => {
    assert.equal((await world.send('early-1', request(web, '/x'))).status, 200);
    assert.equal((await world.send('early-2', request(reports, '/x'))).status, 403);
    assert.equal((await world.send('early-3', request(web, '/internal/x'))).status, 403);
  });

  it('and nothing is let through where the desk has none either', async () => {
    world.closeDesk();
    for (const target of ['/x', '/internal/x']) {
      assert.equal((await world.send('early', request(web, target))).status, 503);
    }
  });
});

function withoutPolicyFilter(snapshot: Snapshot): Snapshot {
  const listeners = new Map(snapshot.get(typeUrls.listener));
  const compiled = listeners.get(ingressListener);
  const listener = fromBinary(ListenerSchema, compiled?.bytes ?? new Uint8Array());
  for (const { configType } of listener.filterChains.flatMap(({ filters }) => filters)) {
    if (configType.case !== 'typedConfig') continue;
    const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
    if (manager === undefined) continue;
    const kept = manager.httpFilters.filter(({ name }) => name !== rbacName);
    assert.equal(kept.length, manager.httpFilters.length - 1);
    configType.value = anyPack(HttpConnectionManagerSchema, { ...manager, httpFilters: kept });
  }
  const bytes = toBinary(ListenerSchema, listener);
  const [name, typeUrl] = [ingressListener, typeUrls.listener];
  listeners.set(name, encodedResource({ typeUrl, name, bytes, from: [] }));
  return new Map(snapshot).set(typeUrl, listeners).set(typeUrls.extension, new Map());
}

describe('where the filter of the policy said nothing', { timeout: 60_000 }, () => {
  const world = new AuthzWorld();
  before(() => world.start(formsOf(policy), withoutPolicyFilter));
  after(() => world.stop());

  it('the desk decides', async () => {
    const before = await world.asked();
    assert.equal((await world.send('mute-1', request(web, '/x'))).status, 200);
    assert.equal((await world.send('mute-2', request(web, '/internal/x'))).status, 403);
    assert.equal(await world.asked(), before + 2);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import type { Conditions, Guest } from '../../model/condition-types.ts';
import { compilePolicy } from '../../policy/compiled-policy.ts';
import type { PolicyRule } from '../../policy/document.ts';
import { sketchPolicy } from '../../policy/policy.fixture.ts';
import { goodClaims, issuer, nowMs, nowSeconds, signed } from '../../tokens/token.fixture.ts';
import { atOnce } from './at-once.fixture.ts';
import { checkHandler, newDeskCounters } from './check-handler.ts';
import type { DecisionRecord } from './decision-record.ts';

const nothing: Conditions = { headers: [], hosts: [] };
const anyToken = { issuers: [], audiences: [], scopes: [], claims: [] };
const guest = 'spiffe://partner.test/billing' as Guest;

/** What is added to each of the rules below, by id. */
const changes: Readonly<Record<string, Partial<PolicyRule>>> = {
  r1: { conditions: { ...nothing, token: { ...anyToken, scopes: ['charge', 'read'] } } },
  r2: { conditions: { ...nothing, token: { ...anyToken, audiences: ['reports'] } } },
  r3: { conditions: { ...nothing, hosts: ['payments'] } },
  r4: {
    conditions: {
      ...nothing,
      headers: [{ name: 'x-tenant', value: { kind: 'exact', text: 'acme' } }],
    },
  },
  r5: { mode: 'audit' },
  r7: { from: [{ kind: 'guest', guest }] },
  r9: { conditions: { ...nothing, token: anyToken } },
  r10: { mode: 'audit' },
};

function policy() {
  const sketch = sketchPolicy({
    services: {
      checkout: [],
      payments: [
        'allow checkout POST /v1/charges',
        'allow checkout GET /v1/reports',
        'allow checkout GET /v1/host',
        'allow checkout GET /v1/tenant',
        'deny checkout GET /v1/host',
        'deny * * /v1/internal/**',
        'allow checkout GET /v1/partner',
        'allow checkout GET /v1/plain',
        'allow checkout GET /v1/token',
        'allow checkout GET /v1/soon',
      ],
    },
  });
  return compilePolicy({
    ...sketch,
    ...{ version: 2, issuers: [issuer] },
    services: sketch.services.map((service) => ({
      ...service,
      rules: service.rules.map((rule) => ({ ...rule, ...changes[rule.id] })),
    })),
  });
}

const compiled = policy();

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly host?: string;
  readonly principal?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly atMs?: number;
}

function ask(asked: Asked) {
  const { path, method = 'GET', host = 'payments', principal = 'spiffe://acme/checkout' } = asked;
  const records: DecisionRecord[] = [];
  const message = create(CheckRequestSchema, {
    attributes: {
      source: {
        principal,
        address: { address: { case: 'socketAddress', value: { address: '10.1.2.3' } } },
      },
      request: {
        http: {
          ...{ method, path, host, scheme: 'http' },
          headerMap: {
            headers: Object.entries(asked.headers ?? {}).map(([key, value]) => ({ key, value })),
          },
        },
      },
      contextExtensions: { 'chancery.side': 'ingress' },
    },
  });
  const answer = checkHandler({
    policy: () => compiled,
    clock: { nowMs: () => asked.atMs ?? nowMs, monotonicMs: () => 0 },
    nextId: () => 'd-1',
    onDecision: (record) => records.push(record),
    counters: newDeskCounters(),
  })(toBinary(CheckRequestSchema, message), 'payments');
  const result = atOnce(answer);
  assert.ok(result.ok);
  const response = fromBinary(CheckResponseSchema, result.value);
  const { httpResponse } = response;
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  const headers = new Map(denied?.headers.map(({ header }) => [header?.key, header?.value]));
  return {
    status: denied === undefined ? 200 : denied.status?.code,
    rpc: response.status?.code,
    code: headers.get('x-chancery-code'),
    challenge: headers.get('www-authenticate'),
    body: denied?.body ?? '',
    metadata: response.dynamicMetadata,
    record: records[0],
  };
}

const bearer = (claims: object = {}) => ({
  authorization: `Bearer ${signed({ alg: 'ES256', kid: 'ES256' }, { ...goodClaims, ...claims }, 'ES256')}`,
});
const charge = { method: 'POST', path: '/v1/charges' };
const scopes = { scope: 'charge read' };

describe('a rule that wants a token', () => {
  test('lets a good one in, and the log says whose it is and no more', () => {
    const found = ask({ ...charge, headers: bearer(scopes) });
    assert.equal(found.status, 200);
    assert.deepEqual(found.metadata, { decision: 'd-1', kind: 'allow', rule: 'r1' });
    assert.equal(found.record?.token, 'of acme');
    assert.equal(found.record?.address, '10.1.2.3');
    assert.doesNotMatch(JSON.stringify(found.record), /eyJ|alice|u-1/);
  });

  test('without one: 401, and the challenge names the scopes and no error', () => {
    const found = ask(charge);
    assert.deepEqual([found.status, found.rpc, found.code], [401, 16, 'CH2108']);
    assert.equal(found.challenge, 'Bearer realm="payments", scope="charge read"');
    assert.equal(found.record?.token, 'none');
  });

  test('with one that has ended: 401 invalid_token, by the clock of the desk', () => {
    const headers = bearer(scopes);
    assert.equal(ask({ ...charge, headers, atMs: nowMs + 299_000 }).status, 200);
    const found = ask({ ...charge, headers, atMs: nowMs + 300_000 });
    assert.deepEqual([found.status, found.rpc, found.code], [401, 16, 'CH2109']);
    assert.equal(
      found.challenge,
      'Bearer realm="payments", error="invalid_token", error_description="jwt_invalid: expired", scope="charge read"',
    );
    assert.match(found.body, /jwt_invalid: expired/);
    assert.equal(found.record?.token, 'jwt_invalid: expired');
  });

  test('with one that lacks a scope: 403 insufficient_scope', () => {
    const found = ask({ ...charge, headers: bearer({ scope: 'read' }) });
    assert.deepEqual([found.status, found.rpc, found.code], [403, 7, 'CH2101']);
    assert.equal(
      found.challenge,
      'Bearer realm="payments", error="insufficient_scope", scope="charge read"',
    );
  });

  test('a token for an audience of one rule opens that one and no other', () => {
    const headers = bearer({ aud: 'reports', ...scopes });
    assert.equal(ask({ path: '/v1/reports', headers }).status, 200);
    for (const asked of [charge, { path: '/v1/token' }]) {
      const found = ask({ ...asked, headers });
      assert.deepEqual([found.status, found.code], [403, 'CH2101'], asked.path);
    }
    assert.equal(ask({ path: '/v1/reports', headers: bearer() }).status, 403);
  });

  test('where no rule wants it a bad token is of no matter', () => {
    const headers = bearer({ exp: nowSeconds - 1 });
    assert.equal(ask({ path: '/v1/plain', headers }).status, 200);
    assert.equal(ask({ path: '/v1/internal/x', headers }).code, 'CH2102');
  });

  test('a caller of gRPC hears it in a sentence, with the status that Envoy makes UNAUTHENTICATED of', () => {
    const headers = { 'content-type': 'application/grpc' };
    const found = ask({ ...charge, headers });
    assert.equal(found.status, 401);
    assert.match(found.body, /^CH2108: checkout may not POST .* \(d-1\)$/);
  });
});

describe('a rule about the request itself', () => {
  test('the host is the one that was asked, without its port', () => {
    assert.equal(ask({ path: '/v1/host', host: 'Payments:8080' }).status, 200);
    assert.equal(ask({ path: '/v1/host', host: 'other' }).code, 'CH2101');
  });

  test('a header that comes with another value, or twice, does not let in', () => {
    assert.equal(ask({ path: '/v1/tenant', headers: { 'x-tenant': 'acme' } }).status, 200);
    assert.equal(ask({ path: '/v1/tenant', headers: { 'x-tenant': 'other' } }).code, 'CH2101');
    const found = ask({ path: '/v1/tenant', headers: { 'x-tenant': 'secret' } });
    assert.doesNotMatch(found.body + JSON.stringify(found.record), /secret/);
  });
});

describe('rules in audit', () => {
  test('a deny that would have changed it is in the metadata and the log', () => {
    const found = ask({ path: '/v1/host' });
    assert.equal(found.metadata?.['audit'], 'r5');
    assert.equal(found.record?.kind, 'allow');
    assert.deepEqual(found.record?.audits, [{ rule: 'r5', effect: 'deny' }]);
  });

  test('a deny of what is denied anyway is in the log only', () => {
    const found = ask({ path: '/v1/host', host: 'other' });
    assert.equal(found.metadata?.['audit'], undefined);
    assert.deepEqual(found.record?.audits, [{ rule: 'r5', effect: 'deny' }]);
  });

  test('an allow lets nothing in, and says that it would', () => {
    const found = ask({ path: '/v1/soon' });
    assert.equal(found.status, 403);
    assert.equal(found.metadata?.['audit'], 'r10');
  });
});

describe('who may see rules', () => {
  test('a guest of another trust domain hears what kind of denial it is, and no rule, file or scope', () => {
    const principal = 'spiffe://partner.test/billing';
    assert.equal(ask({ path: '/v1/partner', principal }).status, 200);
    for (const path of ['/v1/charges', '/v1/internal/x', '/v1/token', '/v1/plain']) {
      const found = ask({ path, principal, method: path === '/v1/charges' ? 'POST' : 'GET' });
      assert.equal(found.status === 200, false);
      assert.doesNotMatch(found.body, /services\/|"r\d|help|closest|charge read/, path);
      assert.doesNotMatch(found.challenge ?? '', /scope/);
    }
  });

  test('a member sees the rule that comes closest', () => {
    assert.equal(JSON.parse(ask(charge).body).error.closest[0].rule, 'r1');
  });
});

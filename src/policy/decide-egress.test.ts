import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy } from './compiled-policy.ts';
import { decideEgress } from './decide-egress.ts';
import { sketchPolicy } from './policy.fixture.ts';

const policy = compilePolicy(
  sketchPolicy({
    protocols: { db: 'tcp', vault: 'tcp', rates: 'grpc' },
    services: {
      storefront: [],
      ledger: ['allow checkout POST /v1/entries'],
      checkout: ['allow storefront POST /v1/orders'],
      db: ['allow storefront connect'],
      vault: ['allow checkout connect'],
      rates: ['allow checkout acme.Rates/Get'],
    },
  }),
);

function ask(host: string, path = '/v1/entries', caller = 'storefront', method = 'GET') {
  const decision = decideEgress(policy, {
    caller,
    host,
    action: { kind: 'http', method, path },
  });
  assert.ok(decision.kind === 'deny');
  return decision;
}

test('a callee that does not name the caller is denied with the lines to add', () => {
  const decision = ask('ledger', '/v1/entries/42');
  assert.equal(decision.code, 'CH2103');
  assert.equal(
    decision.reason,
    'storefront may not call ledger: no allow rule in services/ledger.yaml names it',
  );
  assert.equal(
    decision.help,
    'add to services/ledger.yaml:\n  allow:\n    - from: storefront\n      to: GET /v1/entries/*',
  );
});

test('for a gRPC callee the lines name the method', () => {
  const call = ask('rates', '/acme.Rates/Get', 'storefront', 'POST');
  assert.match(call.help ?? '', /to: acme\.Rates\/Get$/);
  assert.equal(ask('rates', '/healthz').help, undefined);
});

test('a name that does not exist comes with the nearest', () => {
  const decision = ask('leger');
  assert.equal(decision.code, 'CH2104');
  assert.equal(decision.nearest, 'ledger');
  assert.equal(decision.help, 'did you mean ledger?');
});

test('a host outside of the mesh has no nearest name, but a way on', () => {
  const decision = ask('api.example.com');
  assert.equal(decision.code, 'CH2104');
  assert.equal(decision.nearest, undefined);
  assert.match(decision.help ?? '', /declare this one in services\//);
});

test('a service that may be called but has no route yet is not a matter of policy', () => {
  assert.equal(ask('checkout').code, 'CH2106');
});

test('a TCP service is reached by its local port', () => {
  assert.equal(ask('db').code, 'CH2107');
});

test('a TCP service that is not granted is denied first', () => {
  const decision = ask('vault');
  assert.equal(decision.code, 'CH2103');
  assert.ok(decision.help?.endsWith('- from: storefront'));
});

test('a proxy of a service that is gone gets nothing', () => {
  assert.equal(ask('ledger', '/', 'gone').code, 'CH2105');
});

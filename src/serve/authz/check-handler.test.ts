import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { HeaderValueOption_HeaderAppendAction } from '../../gen/envoy/config/core/v3/base_pb.js';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { type CompiledPolicy, compilePolicy } from '../../policy/compiled-policy.ts';
import { sketchPolicy } from '../../policy/policy.fixture.ts';
import { atOnce } from './at-once.fixture.ts';
import { type Checked, checkHandler, type Desk, newDeskCounters } from './check-handler.ts';
import type { DecisionRecord } from './decision-record.ts';

const shop = compilePolicy(
  sketchPolicy({
    services: {
      cart: [],
      checkout: [],
      payments: ['allow checkout POST /v1/charges', 'deny * * /v1/internal/**'],
      ledger: ['allow payments POST /v1/entries'],
    },
  }),
);

let tick = 0;

function desk(change: Partial<Desk> = {}) {
  const records: DecisionRecord[] = [];
  return {
    policy: (): CompiledPolicy | undefined => shop,
    clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => (tick += 0.25) },
    nextId: () => 'd-1',
    onDecision: (record: DecisionRecord) => {
      records.push(record);
    },
    counters: newDeskCounters(),
    records,
    ...change,
  };
}

type Http = Partial<Record<'method' | 'path' | 'host', string>>;

interface Question {
  readonly principal?: string;
  readonly side?: string;
  readonly named?: string;
  readonly http?: Http;
  readonly headers?: readonly (readonly [string, string])[];
}

const charge = { method: 'POST', path: '/v1/charges?key=hidden', host: 'payments' };

function bytesOf(question: Question): Uint8Array {
  const { principal = 'spiffe://acme/checkout', side = 'ingress', headers = [] } = question;
  const message = create(CheckRequestSchema, {
    attributes: {
      source: { principal },
      request: {
        http: {
          ...charge,
          ...question.http,
          headerMap: {
            headers: headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
          },
        },
      },
      contextExtensions: {
        'chancery.side': side,
        'chancery.service': question.named ?? 'payments',
      },
    },
  });
  return toBinary(CheckRequestSchema, message);
}

function check(given: Desk, request: Uint8Array, service = 'payments') {
  return responseOf(atOnce(checkHandler(given)(request, service)));
}

function responseOf(result: Checked) {
  assert.ok(result.ok);
  const response = fromBinary(CheckResponseSchema, result.value);
  const { httpResponse } = response;
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  return {
    status: response.status?.code,
    ok: httpResponse.case === 'okResponse' ? httpResponse.value : undefined,
    httpStatus: denied?.status?.code,
    body: denied?.body ?? '',
    headers: new Map(denied?.headers.map(({ header }) => [header?.key, header?.value])),
    metadata: response.dynamicMetadata,
  };
}

function errorOf(body: string) {
  assert.ok(body.endsWith('}\n') && !body.slice(0, -1).includes('\n'));
  return JSON.parse(body).error;
}

describe('at ingress', () => {
  test('an allowed request is OK, and its rule is in the metadata', () => {
    const found = check(desk(), bytesOf({}));
    assert.equal(found.status, 0);
    assert.deepEqual(found.metadata, { decision: 'd-1', kind: 'allow', rule: 'r1' });
  });

  test('headers of ours that the caller sent do not reach the application', () => {
    const headers = [
      ['x-chancery-decision', 'd-forged'],
      ['x-chancery-decision', 'd-again'],
      ['x-chancery-anything', '1'],
      ['x-other', '1'],
    ] as const;
    assert.deepEqual(check(desk(), bytesOf({ headers })).ok?.headersToRemove, [
      'x-chancery-decision',
      'x-chancery-anything',
    ]);
  });

  test('a denied request is a 403 with its code, its reason and what would have been near', () => {
    const found = check(desk(), bytesOf({ principal: 'spiffe://acme/cart' }));
    assert.equal(found.status, 7);
    assert.equal(found.httpStatus, 403);
    assert.equal(found.headers.get('x-chancery-code'), 'CH2101');
    assert.equal(found.headers.get('x-chancery-decision'), 'd-1');
    assert.equal(found.headers.get('content-type'), 'application/json');
    assert.deepEqual(found.metadata, { decision: 'd-1', kind: 'deny', code: 'CH2101' });
    assert.deepEqual(errorOf(found.body), {
      code: 'CH2101',
      message:
        'cart may not POST /v1/charges on payments: no allow rule in services/payments.yaml names cart',
      decision: 'd-1',
      help: 'add to services/payments.yaml:\n  allow:\n    - from: cart\n      to: POST /v1/charges',
      closest: [
        {
          rule: 'r1',
          at: 'services/payments.yaml:1',
          clause: 'from',
          wanted: 'checkout',
          got: 'cart',
        },
      ],
    });
  });

  test('headers of a denial replace what stands there', () => {
    const result = atOnce(checkHandler(desk())(bytesOf({ principal: '' }), 'payments'));
    const { httpResponse } = fromBinary(
      CheckResponseSchema,
      result.ok ? result.value : new Uint8Array(),
    );
    assert.ok(httpResponse.case === 'deniedResponse');
    for (const { appendAction } of httpResponse.value.headers) {
      assert.equal(appendAction, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD);
    }
  });

  test('a deny rule is named in the body and the metadata', () => {
    const found = check(desk(), bytesOf({ http: { path: '/v1/internal/x' } }));
    assert.equal(errorOf(found.body).rule, 'r2');
    assert.deepEqual(found.metadata, {
      decision: 'd-1',
      kind: 'deny',
      rule: 'r2',
      code: 'CH2102',
    });
  });

  test('a request that reads as another one must be allowed as that too', () => {
    const as = (method: string) =>
      check(desk(), bytesOf({ headers: [['x-http-method-override', method]] }));
    assert.equal(as('POST').status, 0);
    const denied = as('DELETE');
    assert.equal(denied.httpStatus, 403);
    assert.match(
      String(errorOf(denied.body).message),
      /^the header x-http-method-override asks for another method, and checkout may not DELETE \/v1\/charges/,
    );
    assert.equal(errorOf(denied.body).code, 'CH2130');
  });

  test('a caller that is not known learns no rule and no file', () => {
    for (const principal of ['', 'spiffe://other/checkout', 'spiffe://acme/ghost', 'CN=checkout']) {
      const found = check(desk(), bytesOf({ principal }));
      assert.equal(found.httpStatus, 403);
      assert.doesNotMatch(found.body, /services\/|r1|help/);
    }
  });

  test('the query is not in the reason, the record or the metadata', () => {
    const given = desk();
    const found = check(given, bytesOf({ principal: 'spiffe://acme/cart' }));
    assert.doesNotMatch(found.body + JSON.stringify([found.metadata, given.records]), /hidden/);
  });

  test('the service is that of the socket, whatever the extension says', () => {
    const found = check(desk(), bytesOf({ named: 'payments' }), 'ledger');
    assert.equal(errorOf(found.body).code, 'CH2101');
    assert.match(errorOf(found.body).message, / on ledger: /);
  });

  test('a caller of gRPC gets a plain sentence', () => {
    const headers = [['content-type', 'application/grpc+proto']] as const;
    const found = check(desk(), bytesOf({ principal: 'spiffe://acme/cart', headers }));
    assert.match(found.body, /^CH2101: cart may not POST .* names cart \(d-1\)$/);
    assert.equal(found.headers.has('content-type'), false);
  });

  test('a path that has no reading is denied before any rule is looked at', () => {
    const found = check(desk(), bytesOf({ http: { path: '/v1/..;x=1' } }));
    assert.equal(found.headers.get('x-chancery-code'), 'CH2125');
    assert.equal(found.httpStatus, 403);
  });

  test('a TCP connection is decided by its peer alone', () => {
    const request = toBinary(
      CheckRequestSchema,
      create(CheckRequestSchema, { attributes: { source: { principal: 'spiffe://acme/cart' } } }),
    );
    const found = check(desk(), request);
    assert.match(errorOf(found.body).message, /^cart may not connect on payments/);
  });
});

describe('at egress', () => {
  const ask = (host: string) =>
    check(desk(), bytesOf({ principal: '', side: 'egress', http: { host } }), 'cart');

  test('a service that does not name the caller is a 403 with the lines to add', () => {
    const found = ask('Ledger:8080');
    assert.equal(found.httpStatus, 403);
    assert.equal(found.headers.get('x-chancery-code'), 'CH2103');
    assert.match(errorOf(found.body).help, /^add to services\/ledger\.yaml:/);
  });

  test('a service that does not exist is a 404 with the nearest name', () => {
    const found = ask('legder');
    assert.equal(found.httpStatus, 404);
    assert.equal(errorOf(found.body).nearest, 'ledger');
  });

  test('the caller is the service of the socket, not what a certificate might say', () => {
    const bytes = bytesOf({
      principal: 'spiffe://acme/payments',
      side: 'egress',
      http: { host: 'ledger' },
    });
    assert.match(errorOf(check(desk(), bytes, 'cart').body).message, /^cart may not call ledger/);
  });

  test('no denial is a 503, which says that the desk was not reached', () => {
    const bytes = bytesOf({ side: 'egress', http: { host: 'ledger' } });
    assert.equal(check(desk(), bytes, 'payments').httpStatus, 502);
  });
});

describe('when something is wrong with the desk', () => {
  test('without a policy it is unavailable, and counts that', () => {
    const given = desk({ policy: () => undefined });
    const result = atOnce(checkHandler(given)(bytesOf({}), 'payments'));
    assert.equal(result.ok, false);
    assert.equal(!result.ok && result.error.code, 'CH2191');
    assert.equal(given.counters.unavailable, 1);
  });

  test('a fault in deciding is a denial that is counted and recorded', () => {
    const services: CompiledPolicy['services'] = new Map();
    services.get = () => {
      throw new Error('broken index');
    };
    const given = desk({ policy: () => ({ ...shop, services }) });
    const found = check(given, bytesOf({}));
    assert.equal(found.headers.get('x-chancery-code'), 'CH2192');
    assert.equal(found.httpStatus, 500);
    assert.doesNotMatch(found.body, /broken/);
    assert.deepEqual([given.counters.faults, given.counters.denied], [1, 1]);
    assert.equal(given.records[0]?.fault, 'broken index');
  });

  test('bytes that are no message are denied', () => {
    for (const bytes of [
      new Uint8Array([0x0a, 0x7f]),
      new Uint8Array([0x0a, 0x05, 0x22, 0x7f, 1, 2, 3]),
      new Uint8Array([7]),
    ]) {
      assert.equal(check(desk(), bytes).headers.get('x-chancery-code'), 'CH2192');
    }
  });

  test('no bytes at all are a connection without identity', () => {
    assert.equal(check(desk(), new Uint8Array()).headers.get('x-chancery-code'), 'CH2105');
  });

  test('a proxy that does not say its side is denied', () => {
    const found = check(desk(), bytesOf({ side: 'both' }));
    assert.equal(found.headers.get('x-chancery-code'), 'CH2193');
  });

  test('a decision log that throws changes no answer, and is counted', () => {
    const given = desk({
      onDecision: () => {
        throw new Error('full');
      },
    });
    assert.equal(check(given, bytesOf({})).status, 0);
    assert.equal(given.counters.unrecorded, 1);
  });
});

test('a record joins the decision with the access log', () => {
  const given = desk();
  check(given, bytesOf({ headers: [['x-request-id', 'abc']] }));
  assert.deepEqual(given.records, [
    {
      id: 'd-1',
      timeMs: 1_700_000_000_000,
      latencyUs: 250,
      side: 'ingress',
      service: 'payments',
      proxy: undefined,
      principal: 'spiffe://acme/checkout',
      address: '',
      method: 'POST',
      path: '/v1/charges',
      host: 'payments',
      requestId: 'abc',
      kind: 'allow',
      code: undefined,
      rule: 'r1',
      token: undefined,
      breakglass: undefined,
      audits: undefined,
      undecided: undefined,
      fault: undefined,
    },
  ]);
});

describe('a request that only a break-glass grant lets through', () => {
  const document = sketchPolicy({
    services: { checkout: [], payments: ['allow checkout POST /v1/charges'] },
  });
  const granted = compilePolicy({
    ...document,
    services: document.services.map((service) => ({
      ...service,
      rules: service.rules.map((rule) => ({ ...rule, at: { file: 'breakglass:ab12', line: 1 } })),
    })),
  });

  test('is recorded before it goes through, with the grant', async () => {
    const uses: DecisionRecord[] = [];
    const recorded = Promise.withResolvers<boolean>();
    const given = desk({
      policy: () => granted,
      onUse: (record) => {
        uses.push(record);
        return recorded.promise;
      },
    });
    const answer = checkHandler(given)(bytesOf({}), 'payments');
    assert.deepEqual([given.records, given.counters.allowed], [[], 0]);
    recorded.resolve(true);
    assert.equal(responseOf(await answer).status, 0);
    assert.deepEqual(
      [...uses, ...given.records].map(({ kind, breakglass }) => [kind, breakglass]),
      [
        ['allow', 'ab12'],
        ['allow', 'ab12'],
      ],
    );
  });

  test('does not go through where nothing records it', async () => {
    const failing = (): Promise<boolean> => {
      throw new Error('disk');
    };
    for (const onUse of [() => Promise.resolve(false), failing, undefined]) {
      const given = desk({ policy: () => granted, ...(onUse === undefined ? {} : { onUse }) });
      const found = responseOf(await checkHandler(given)(bytesOf({}), 'payments'));
      assert.equal(found.httpStatus, 500);
      assert.equal(errorOf(found.body).code, 'CH2194');
      assert.deepEqual(
        given.records.map(({ kind, code, breakglass }) => [kind, code, breakglass]),
        [['deny', 'CH2194', undefined]],
      );
    }
  });

  test('a rule of a file is no use', () => {
    const given = desk({ onUse: () => assert.fail() });
    assert.equal(check(given, bytesOf({})).status, 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { Log } from '../base/log.ts';
import { CheckRequestSchema } from '../gen/envoy/service/auth/v3/external_auth_pb.js';
import { compilePolicy } from '../policy/compiled-policy.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { type Sketch, sketchPolicy } from '../policy/policy.fixture.ts';
import { atOnce } from '../serve/authz/at-once.fixture.ts';
import { checkHandler, newDeskCounters } from '../serve/authz/check-handler.ts';
import type { SeenRequest } from './seen-request.ts';
import { ShadowDesk } from './shadow-desk.ts';

const noLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
const hourMs = 3_600_000;
const web = 'spiffe://acme/web';
const open: Sketch = {
  services: { web: [], pay: ['allow web GET /v1/**', 'allow web POST /v1/charges'], stock: [] },
};
const denyAll: Sketch = { services: { web: [], pay: ['deny * * /**'], stock: [] } };
const wider: Sketch = {
  services: { web: [], pay: ['allow web * /**'], stock: ['allow web GET /stock'] },
};

function question(method: string, path: string, side = 'ingress', host = 'pay'): Uint8Array {
  const headerMap = { headers: [{ key: 'x-request-id', rawValue: Buffer.from('r-1') }] };
  const message = create(CheckRequestSchema, {
    attributes: {
      source: { principal: side === 'ingress' ? web : '' },
      request: { http: { method, path, host, headerMap } },
      contextExtensions: { 'chancery.side': side },
    },
  });
  return toBinary(CheckRequestSchema, message);
}

function seen(clock: FakeClock, more: Partial<SeenRequest> = {}): SeenRequest {
  return {
    ...{ timeMs: clock.nowMs(), caller: web, method: 'GET', path: '/v1/charges/7', host: 'pay' },
    ...{ requestId: 'r-2', desk: false, verdict: { verdict: 'allow', rule: 'r1' } },
    ...more,
  };
}

/** Its first rule is of a break-glass grant. */
function granted(): PolicyDocument {
  const document = sketchPolicy(open);
  const services = document.services.map((service) => ({
    ...service,
    rules: service.rules.map((rule) =>
      rule.id === 'r1' ? { ...rule, at: { file: 'breakglass:ab12', line: 1 } } : rule,
    ),
  }));
  return { ...document, services };
}

function world(document: () => PolicyDocument = () => sketchPolicy(open)) {
  const clock = new FakeClock();
  const policy = compilePolicy(document());
  const desk = new ShadowDesk({ clock, log: noLog, live: () => policy });
  const ride = (sketch: Sketch, id = 's-1', forMs = hourMs): void =>
    desk.take({ id, endsMs: clock.nowMs() + forMs, document: sketchPolicy(sketch) });
  const check = checkHandler({
    ...{ policy: () => policy, clock, nextId: () => 'd-1', onDecision: () => {} },
    counters: newDeskCounters(),
    onOutcome: (outcome, asked) => desk.asked(outcome, asked),
  });
  const ask = (bytes: Uint8Array, service = 'pay'): string => {
    const answer = atOnce(check(bytes, service));
    assert.ok(answer.ok);
    return Buffer.from(answer.value).toString('hex');
  };
  return { clock, desk, ride, ask, policy };
}

describe('a policy that rides along at a host', () => {
  it('has no part in any answer, whatever it says', () => {
    const { clock, desk, ride, ask } = world();
    const questions = [
      question('GET', '/v1/charges'),
      question('POST', '/v1/charges'),
      question('PUT', '/v1/charges'),
      question('GET', '/stock', 'egress', 'stock'),
      Buffer.from('no message'),
    ];
    const before = questions.map((one) => ask(one));
    for (const sketch of [denyAll, wider, open]) {
      ride(sketch, JSON.stringify(sketch));
      assert.deepEqual(
        questions.map((one) => ask(one)),
        before,
      );
    }
    desk.take({ id: 'broken', endsMs: clock.nowMs() + hourMs, document: {} as never });
    assert.deepEqual(
      questions.map((one) => ask(one)),
      before,
    );
  });

  it('is asked after the answer, and names edge, rules and sample', () => {
    const { clock, desk, ride, ask } = world();
    ride(denyAll);
    ask(question('GET', '/v1/charges/7?key=hidden'));
    assert.equal(desk.report?.totals.compared, 0);
    clock.advance(1);
    const { totals, rows } = desk.report ?? assert.fail();
    assert.equal(totals.newlyDenied, 1);
    assert.deepEqual(rows, [
      {
        ...{ effect: 'newly denied', service: 'pay', caller: web, callee: 'pay', method: 'GET' },
        ...{ path: '/v1/charges/*', live: 'allow', liveRule: 'r1', shadow: 'deny' },
        ...{ shadowRule: 'r1', shadowCode: 'CH2102', requests: 1, lastMs: clock.nowMs() - 1 },
        samples: [
          {
            ...{ atMs: clock.nowMs() - 1, path: '/v1/charges/7', requestId: 'r-1' },
            decision: 'd-1',
          },
        ],
      },
    ]);
  });

  it('a way that a caller would get is newly allowed where its own proxy asks', () => {
    const { clock, desk, ride, ask } = world();
    ride(wider);
    ask(question('GET', '/stock', 'egress', 'stock'), 'web');
    ask(question('GET', '/none', 'egress', 'stock'), 'web');
    clock.advance(1);
    const { totals, rows } = desk.report ?? assert.fail();
    assert.equal(totals.newlyAllowed, 1);
    const [row] = rows;
    assert.deepEqual(
      [row?.service, row?.caller, row?.callee, row?.liveCode],
      ['web', web, 'stock', 'CH2103'],
    );
  });

  it('a grant stands beside both policies', async () => {
    const { clock, desk, ride, policy } = world(granted);
    ride({ services: { web: [], pay: ['allow web POST /v1/charges'], stock: [] } });
    const ask = checkHandler({
      ...{ policy: () => policy, clock, nextId: () => 'd-1', onDecision: () => {} },
      ...{ counters: newDeskCounters(), onUse: () => Promise.resolve(true) },
      onOutcome: (outcome, asked) => desk.asked(outcome, asked),
    });
    await ask(question('GET', '/v1/charges'), 'pay');
    clock.advance(1);
    assert.deepEqual([desk.report?.totals.compared, desk.report?.totals.newlyDenied], [1, 0]);
  });

  it('what a proxy decided by itself is compared as its log tells, once', () => {
    const { clock, desk, ride } = world();
    ride(denyAll);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock, { desk: true }));
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock, { timeMs: clock.nowMs() - 1 }));
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock, { verdict: undefined }));
    const { totals, rows } = desk.report ?? assert.fail();
    assert.deepEqual([totals.compared, totals.newlyDenied, totals.missed], [1, 1, 1]);
    assert.equal(rows[0]?.samples[0]?.requestId, 'r-2');
  });

  it('what comes too fast is counted, and the desk answers all the same', () => {
    const { clock, desk, ride, ask } = world();
    ride(denyAll);
    for (let asked = 0; asked < 2_100; asked += 1) ask(question('GET', '/v1/x'));
    clock.advance(1_000);
    const { totals } = desk.report ?? assert.fail();
    assert.deepEqual([totals.compared, totals.missed], [2_000, 100]);
  });

  it('a report that was not heard is told again, with what came since', () => {
    const { clock, desk, ride } = world();
    ride(denyAll);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    const lost = desk.report;
    assert.equal(lost?.totals.compared, 1);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    const heard = desk.report;
    assert.equal(heard?.totals.compared, 2);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    desk.told(heard);
    assert.equal(desk.report?.totals.compared, 1);
  });

  it('ends by itself; what came before is still told, and then it is gone', () => {
    const { clock, desk, ride, ask } = world();
    ride(denyAll, 's-1', 1_000);
    const inTime = seen(clock);
    clock.advance(1_000);
    ask(question('GET', '/v1/x'));
    desk.seen({ service: 'pay', proxy: undefined }, inTime);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    assert.equal(desk.report?.totals.compared, 1);
    clock.advance(60_000);
    assert.equal(desk.report, undefined);
    assert.equal(clock.timerCount, 0);
  });

  it('ends when it is told so, and another one begins with nothing', () => {
    const { clock, desk, ride } = world();
    ride(denyAll);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    desk.take(undefined);
    desk.seen({ service: 'pay', proxy: undefined }, seen(clock));
    assert.equal(desk.report?.totals.compared, 1);
    ride(wider, 's-2');
    assert.equal(desk.report?.id, 's-2');
    assert.equal(desk.report?.totals.compared, 0);
  });
});

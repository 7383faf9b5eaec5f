import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, meshFile, serviceFile, silent } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { ServiceName } from '../../model/types.ts';
import type { FlowCount } from '../../serve/api/wire-flows.ts';
import { openStore } from '../../store/open.ts';
import { FlowLog, flowsKind, flowsMax } from './flow-log.ts';

const pay = 'pay' as ServiceName;
const dayMs = 86_400_000;
const withRules = (rules: string) =>
  intentOf({
    'mesh.yaml': meshFile,
    'services/web.yaml': serviceFile('web'),
    'services/pay.yaml': serviceFile('pay', `allow:\n${rules}`),
  });
const charge = '  - { id: charge, from: web, to: POST /charges }\n';
const intent = withRules(charge);
const flow = (requests: number, more: Partial<FlowCount> = {}): FlowCount => ({
  ...{ caller: 'spiffe://shop.test/web', method: 'POST', path: '/charges', verdict: 'allow' },
  ...{ rule: 'charge', requests, ...more },
});

async function world() {
  const store = await openStore(':memory:');
  const clock = new FakeClock();
  const open = (replica: string) => FlowLog.open({ store, clock, log: silent, replica });
  const log = await open('a:1');
  const take = (...flows: readonly FlowCount[]): void =>
    log.take(pay, { flows, isPartial: false }, intent);
  return { store, clock, open, log, take };
}

describe('flows that were recorded', () => {
  it('add up, are asked by when they came, and are forgotten after a week and a day', async () => {
    const { clock, log, take } = await world();
    take(flow(2));
    clock.advance(6 * dayMs);
    take(flow(3));
    const [found] = log.of(intent, 0);
    assert.equal(found?.flows[0]?.requests, 5);
    assert.equal(found?.rules[0]?.requests, 5);
    assert.equal(log.of(intent, clock.nowMs() - dayMs)[0]?.flows[0]?.requests, 3);
    clock.advance(3 * dayMs);
    take(flow(1));
    assert.equal(log.of(intent, 0)[0]?.flows[0]?.requests, 4);
  });

  it('a rule is known since it was there first, and one that comes again is new', async () => {
    const { clock, log } = await world();
    const none = { flows: [], isPartial: false };
    const since = (of: typeof intent) => log.of(of, 0)[0]?.rules.map((one) => one.knownMs);
    log.take(pay, none, intent);
    const first = clock.nowMs();
    clock.advance(dayMs);
    const both = withRules(`${charge}  - { id: refund, from: web, to: POST /refunds }\n`);
    assert.deepEqual(since(both), [first]);
    log.take(pay, none, both);
    assert.deepEqual(since(both), [first, first + dayMs]);
    log.take(pay, none, intent);
    clock.advance(dayMs);
    log.take(pay, none, both);
    assert.deepEqual(since(both), [first, first + 2 * dayMs]);
  });

  it('what is no flow is not taken, and beyond the limit it is said that some are missing', async () => {
    const { log, take } = await world();
    take(
      flow(1, { caller: 'x'.repeat(2_000) }),
      flow(-1),
      flow(1, { verdict: 'maybe' as 'allow' }),
    );
    assert.deepEqual(log.of(intent, 0)[0]?.flows, []);
    take(...Array.from({ length: flowsMax + 1 }, (_, at) => flow(1, { path: `/${at}` })));
    const [found] = log.of(intent, 0);
    assert.equal(found?.flows.length, flowsMax);
    assert.equal(found?.isPartial, true);
  });

  it('outlive a restart, and count together with what another control plane was told', async () => {
    const { store, open, log, take } = await world();
    take(flow(2));
    const other = await open('b:1');
    other.take(pay, { flows: [flow(5)], isPartial: true }, intent);
    await Promise.all([log.flushed(), other.flushed()]);
    const document = await store.get(flowsKind, 'b:1/pay');
    log.hear([{ id: 'b:1/pay', document }]);
    const again = await open('a:1');
    for (const one of [log, again]) {
      const [found] = one.of(intent, 0);
      assert.equal(found?.flows[0]?.requests, 7);
      assert.equal(found?.isPartial, true);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, meshFile, serviceFile, silent } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { RuleId, ServiceName } from '../../model/types.ts';
import { openStore } from '../../store/open.ts';
import { TrafficLog, trafficKind } from './traffic-log.ts';

const web = 'web' as ServiceName;
const pay = 'pay' as ServiceName;
const charge = 'charge' as RuleId;
const intent = intentOf({
  'mesh.yaml': meshFile,
  'services/web.yaml': serviceFile('web'),
  'services/pay.yaml': serviceFile(
    'pay',
    'allow:\n  - { id: charge, from: web, to: POST /charges }\n',
  ),
});
const hourMs = 3_600_000;

async function world() {
  const store = await openStore(':memory:');
  const clock = new FakeClock();
  const traffic = await TrafficLog.open({ store, clock, log: silent, replica: 'a:1' });
  const call = (requests: number): void =>
    traffic.take(web, { callees: { pay: requests }, rules: {} }, intent);
  return { store, clock, traffic, call };
}

describe('what was used lately', () => {
  it('adds up over the window, and is forgotten a day and two hours after the last time', async () => {
    const { clock, traffic, call } = await world();
    call(2);
    clock.advance(20 * hourMs);
    call(3);
    assert.deepEqual(traffic.edge(web, pay), { requests: 5, lastMs: clock.nowMs() });
    clock.advance(20 * hourMs);
    assert.equal(traffic.edge(web, pay)?.requests, 3);
    clock.advance(7 * hourMs);
    assert.equal(traffic.edge(web, pay), undefined);
  });

  it('only what the intent knows is taken, so that no host can fill the store', async () => {
    const { store, traffic } = await world();
    const counts = { callees: { pay: 1, nobody: 9, web: -1 }, rules: { charge: 1, other: 1 } };
    traffic.take(web, counts, intent);
    traffic.take(pay, { callees: {}, rules: { charge: 4, other: 9 } }, intent);
    traffic.take('nobody' as ServiceName, counts, intent);
    await traffic.flushed();
    assert.equal(traffic.rule(web, charge), undefined);
    assert.equal(traffic.rule(pay, charge)?.requests, 4);
    const kept = (await store.list(trafficKind)).map(({ value }) =>
      JSON.parse(Buffer.from(value).toString('utf8')),
    );
    assert.deepEqual(
      kept.map(({ callees, rules }) => [Object.keys(callees), Object.keys(rules)]),
      [
        [[], ['charge']],
        [['pay'], []],
      ],
    );
  });

  it('the first use of an hour is in the store within a second, more of the same within minutes', async () => {
    const { store, clock, traffic, call } = await world();
    const writes = async (): Promise<number> => {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((done) => setImmediate(done));
      return (await store.get(trafficKind, `a:1/${web}`))?.version ?? 0;
    };
    call(1);
    clock.advance(1_000);
    assert.equal(await writes(), 1);
    for (let minute = 0; minute < 4; minute += 1) {
      call(1);
      clock.advance(60_000);
    }
    assert.equal(await writes(), 1);
    clock.advance(60_000);
    assert.equal(await writes(), 2);
    call(1);
    await traffic.flushed();
    const again = await TrafficLog.open({ store, clock, log: silent, replica: 'a:1' });
    assert.deepEqual(again.edge(web, pay), traffic.edge(web, pay));
    assert.equal(again.edge(web, pay)?.requests, 6);
  });

  it('what another control plane was told counts with it, and neither writes over the other', async () => {
    const { store, clock, traffic, call } = await world();
    const other = await TrafficLog.open({ store, clock, log: silent, replica: 'b:1' });
    call(2);
    other.take(web, { callees: { pay: 3 }, rules: {} }, intent);
    await Promise.all([traffic.flushed(), other.flushed()]);
    const id = `b:1/${web}`;
    const document = await store.get(trafficKind, id);
    traffic.hear([{ id, document }]);
    assert.equal(traffic.edge(web, pay)?.requests, 5);
    const again = await TrafficLog.open({ store, clock, log: silent, replica: 'a:1' });
    assert.equal(again.edge(web, pay)?.requests, 5);
  });
});

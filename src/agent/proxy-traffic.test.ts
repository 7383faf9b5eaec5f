import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { ok } from '../base/result.ts';
import { ProxyTraffic } from './proxy-traffic.ts';

function fixture(stats: Record<string, number>) {
  const clock = new FakeClock();
  let readings = 0;
  const admin = {
    usedStats: async () => {
      readings += 1;
      return ok(new Map(Object.entries(stats)));
    },
  };
  const traffic = new ProxyTraffic(admin, clock);
  const untold = (): ReturnType<ProxyTraffic['untold']> => {
    clock.advance(10_000);
    return traffic.untold();
  };
  return { clock, traffic, stats, untold, readings: () => readings };
}

const total = (cluster: string): string => `cluster.${cluster}.upstream_rq_total`;
const active = (cluster: string): string => `cluster.${cluster}.upstream_rq_active`;

describe('the traffic of a proxy', () => {
  it('is told by callee over all versions, and by rule, since the last time that it was told', async () => {
    const { traffic, stats, untold } = fixture({
      ...{
        'server.uptime': 0,
        [total('pay/v1')]: 3,
        [total('pay/v1.2')]: 4,
        [total('cart/v1')]: 0,
      },
    });
    for (const rule of ['web', 'guest', 'web']) traffic.met(rule);
    const first = await untold();
    assert.deepEqual(first, { callees: { pay: 7 }, rules: { web: 2, guest: 1 } });
    assert.deepEqual(await untold(), first, 'until it was told it is told again');
    traffic.met('web');
    traffic.told(first ?? { callees: {}, rules: {} });
    const next = await untold();
    assert.deepEqual(next, { callees: {}, rules: { web: 1 } }, 'it came after the telling');
    traffic.told(next ?? { callees: {}, rules: {} });
    assert.equal(await untold(), undefined);
    stats[total('pay/v1')] = 5;
    assert.deepEqual(await untold(), { callees: { pay: 2 }, rules: {} });
  });

  it('an open stream is traffic', async () => {
    const { traffic, stats, untold } = fixture({ [total('db/v1')]: 1, [active('db/v1')]: 1 });
    const first = await untold();
    assert.deepEqual(first?.callees, { db: 1 });
    traffic.told(first ?? { callees: {}, rules: {} });
    const again = await untold();
    assert.deepEqual(again?.callees, { db: 1 });
    traffic.told(again ?? { callees: {}, rules: {} });
    stats[active('db/v1')] = 0;
    assert.equal(await untold(), undefined);
  });

  it('what a proxy counted before its agent was there is nobody knows how old', async () => {
    const { stats, untold } = fixture({ 'server.uptime': 3_600, [total('pay/v1')]: 9 });
    assert.equal(await untold(), undefined);
    stats[total('pay/v1')] = 11;
    assert.deepEqual((await untold())?.callees, { pay: 2 });
  });

  it('a proxy that was started anew begins at nothing', async () => {
    const { traffic, stats, untold } = fixture({ [total('pay/v1')]: 9 });
    traffic.told((await untold()) ?? { callees: {}, rules: {} });
    stats[total('pay/v1')] = 4;
    assert.deepEqual((await untold())?.callees, { pay: 4 });
  });

  it('is read no more than every ten seconds, however often reports go', async () => {
    const { clock, traffic, readings } = fixture({});
    for (let report = 0; report < 100; report += 1) {
      clock.advance(500);
      await traffic.untold();
    }
    assert.equal(readings(), 5);
  });
});

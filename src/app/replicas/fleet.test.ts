import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gateWorld, workloadOf } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { ProxyStatus } from '../../serve/xds/proxy-status.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { SignalLog } from '../rollouts/signal-log.ts';
import { Fleet } from './fleet.ts';
import { SharedSignals } from './shared-signals.ts';

const [a, b] = ['a-v1', 'b-v1'];
const inventory = [workloadOf('a'), workloadOf('b')];
const away: ProxyStatus = { state: 'away', sinceMs: 0, streams: 0, converged: false, rejected: [] };
const there: ProxyStatus = { ...away, state: 'converged', streams: 1, converged: true };

/** Replicas on one store, each with the proxies that the test connects to it. */
async function world() {
  const clock = new FakeClock();
  const real = openSqliteStore(':memory:');
  const store = { isShared: true, put: real.put.bind(real) };
  const silent = new Set<string>();
  const replica = async (id: string) => {
    const { plane } = await gateWorld({ inventory });
    const statuses = new Map<string, ProxyStatus>();
    const at = { revision: 1 };
    const fleet = new Fleet({
      ...{ store, clock, plane, replica: id },
      xds: { status: (proxy) => statuses.get(proxy) ?? away },
      revision: () => at.revision,
      nameOf: (other) => (silent.has(other) ? undefined : `name of ${other}`),
    });
    return { fleet, statuses, at };
  };
  const told = async (from: Fleet, to: Fleet): Promise<void> => {
    from.moved();
    clock.advance(10_000);
    await new Promise((wake) => setImmediate(wake));
    const document = await real.get('standing', 'one');
    to.take([{ id: 'one', document }]);
  };
  return { clock, real, store, silent, told, one: await replica('one'), two: await replica('two') };
}

describe('proxies that other replicas serve', () => {
  it('are connected and in sync at each replica, with the name of the one that serves them', async () => {
    const { one, two, told } = await world();
    one.statuses.set(a ?? '', there);
    two.statuses.set(b ?? '', there);
    await told(one.fleet, two.fleet);
    assert.deepEqual(two.fleet.status(a ?? ''), {
      ...{ state: 'converged', sinceMs: 0, rejected: [] },
      ...{ connected: true, converged: true, replica: 'name of one' },
    });
    assert.equal(two.fleet.status(b ?? '').replica, undefined);
    assert.equal(one.fleet.status(b ?? '').connected, false);
  });

  it('have converged only for the revision that is looked at', async () => {
    const { one, two, told } = await world();
    one.statuses.set(a ?? '', there);
    two.at.revision = 2;
    await told(one.fleet, two.fleet);
    assert.deepEqual(
      [two.fleet.status(a ?? '').connected, two.fleet.status(a ?? '').converged],
      [true, false],
    );
    one.at.revision = 2;
    await told(one.fleet, two.fleet);
    assert.equal(two.fleet.status(a ?? '').converged, true);
  });

  it('tell what they refused, cut to what a person reads', async () => {
    const { one, two, told } = await world();
    const part = {
      ...{ resource: 'Cluster x', message: 'm'.repeat(9_000), version: '1', sinceMs: 0 },
      ...{ state: 'rejected' as const, from: [] },
    };
    one.statuses.set(a ?? '', { ...there, rejected: [part, part, part, part, part] });
    await told(one.fleet, two.fleet);
    const { rejected } = two.fleet.status(a ?? '');
    assert.deepEqual([rejected.length, rejected[0]?.message.length], [3, 500]);
  });

  it('of a replica that is not heard of are away, and so are those that left it', async () => {
    const { one, two, told, silent } = await world();
    one.statuses.set(a ?? '', there);
    await told(one.fleet, two.fleet);
    silent.add('one');
    assert.equal(two.fleet.status(a ?? '').connected, false);
    silent.clear();
    one.statuses.delete(a ?? '');
    await told(one.fleet, two.fleet);
    assert.equal(two.fleet.status(a ?? '').connected, false);
  });

  it('that count worse are seen by whoever leads, though their host told another one', async () => {
    const { clock, real, store } = await world();
    const [here, elsewhere] = [new SignalLog(), new SignalLog()];
    const from = new SharedSignals({ store, clock, signals: elsewhere, replica: 'one' });
    const to = new SharedSignals({ store, clock, signals: here, replica: 'two' });
    const proxy = a as WorkloadId;
    const startMs = clock.nowMs();
    for (const [requests, errors] of [
      [100, 0],
      [200, 50],
    ] as const) {
      from.tell(proxy, { requests, errors, denials: 0, handshakeFailures: 0 });
      clock.advance(500);
      await new Promise((wake) => setImmediate(wake));
      to.take([{ id: 'one', document: await real.get('signals', 'one') }]);
      clock.advance(500);
    }
    const { requests, errors } = here.between(proxy, startMs, clock.nowMs()) ?? assert.fail();
    assert.deepEqual([requests, errors], [100, 50]);
  });
});

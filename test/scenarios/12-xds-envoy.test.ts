import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { duration } from '../../src/compile/pack.ts';
import { type Resource, type Snapshot, shortType, typeUrls } from '../../src/compile/resource.ts';
import type { XdsEvent } from '../../src/serve/xds/events.ts';
import { freePort } from '../support/free-port.ts';
import { eventually } from '../support/running-mesh.ts';
import { backend, get, XdsEnvoy } from '../support/xds-envoy.ts';
import {
  cluster,
  endpoints,
  listener,
  onDemandFilter,
  routeConfiguration,
  routes,
  routeTo,
  snapshot,
} from '../support/xds-resources.ts';

/** What the protocol does not say and only an Envoy can: one Envoy, judged by its traffic, admin page and ACKs. */
describe('xDS rules, judged by the real Envoy', { timeout: 90_000 }, () => {
  const envoy = new XdsEnvoy();
  const stops: (() => void)[] = [];
  let [portA, portB, entry] = [0, 0, 0];
  let base: readonly Resource[] = [];

  before(async () => {
    for (const name of ['A', 'B']) {
      const [port, stop] = await backend(name);
      stops.push(stop);
      if (name === 'A') portA = port;
      else portB = port;
    }
    entry = await freePort();
    base = [cluster('a'), endpoints('a', portA), listener('in', entry, 'r')];
    await envoy.serve(plain());
    await envoy.start();
  });
  after(async () => {
    await envoy.stop();
    for (const stop of stops) stop();
  });
  beforeEach(async () => {
    await envoy.publishAndSettle(plain());
    await eventually(
      async () => (await get(entry)) === '200 A',
      5_000,
      () => 'the base does not serve',
    );
    envoy.events.length = 0;
  });

  const plain = (...more: readonly Resource[]): Snapshot =>
    snapshot(...base, routes('r', { cluster: 'a' }), ...more);
  const sent = (): string[] =>
    envoy.events.flatMap((event) =>
      event.kind === 'sent'
        ? event.resources.map(({ typeUrl, name }) => `${shortType(typeUrl)} ${name}`)
        : [],
    );
  const rejected = (): string[] =>
    envoy.service.status('p').rejected.map(({ resource }) => resource);

  /** A listener of an earlier test goes on asking for its routes until it is drained. */
  const drained = (): Promise<void> =>
    eventually(
      async () => (await envoy.stat('listener_manager.total_listeners_draining')) === 0,
      5_000,
      () => 'a listener drains for ever',
    );

  it('E2 E3 forty swaps of a cluster and its route under load: no request fails', async () => {
    const load = new Load(entry);
    for (let swap = 0; swap < 40; swap += 1) {
      const name = `swap-${swap}`;
      const port = swap % 2 === 0 ? portB : portA;
      const [, , door] = base;
      assert.ok(door);
      const next = [cluster(name), endpoints(name, port), door, routes('r', { cluster: name })];
      await envoy.publishAndSettle(snapshot(...next));
    }
    const { count, failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok(count > 400, `only ${count} requests`);
  });

  it('E2 the clusters are acknowledged when they are warm, and only then do routes go out', async () => {
    const [, , door] = base;
    assert.ok(door);
    const next = [cluster('b'), endpoints('b', portB), door, routes('r', { cluster: 'b' })];
    await envoy.publishAndSettle(snapshot(...next));
    const story = envoy.events.flatMap((event) =>
      event.kind === 'sent' || event.kind === 'acked'
        ? namesOf(event).map((name) => `${event.kind} ${shortType(event.type)} ${name}`)
        : [],
    );
    const order = ['sent Cluster b', 'acked Cluster b', 'sent RouteConfiguration r'];
    order.push('acked RouteConfiguration r', 'acked Cluster a');
    assert.deepEqual(
      story.filter((line) => order.includes(line)),
      order,
    );
    assert.ok(story.indexOf('sent ClusterLoadAssignment b') < story.indexOf('acked Cluster b'));
    assert.equal(await get(entry), '200 B');
  });

  it('G1 G3 F6 a changed cluster with the same endpoints is warm at once, not after fifteen seconds', async () => {
    const changed = cluster('a', { connectTimeout: duration(2_000) });
    const [, ...others] = base;
    const tookMs = await envoy.publishAndSettle(
      snapshot(changed, ...others, routes('r', { cluster: 'a' })),
    );
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.equal(await get(entry), '200 A');
  });

  it('D1 D4 one bad of ten that Envoy does not name: nine are live within a second', async () => {
    const good = Array.from({ length: 9 }, (_, index) => `good-${index}`);
    const bad = cluster('bad', { connectTimeout: duration(-1_000) });
    const many = good.flatMap((name) => [cluster(name), endpoints(name, portA)]);
    const tookMs = await envoy.publishAndSettle(plain(...many, bad, endpoints('bad', portA)));
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.deepEqual(rejected(), ['Cluster bad']);
    const dump = JSON.stringify(await envoy.admin.configDump());
    for (const name of good) assert.ok(dump.includes(`"name":"${name}"`), name);
    assert.equal(envoy.service.status('p').state, 'refusing');
  });

  it('D2 one that Envoy names costs one refusal, the others are applied', async () => {
    const unknown = cluster('odd', {
      clusterDiscoveryType: { case: 'clusterType', value: { name: 'nobody.knows' } },
    });
    await envoy.publishAndSettle(plain(unknown, cluster('b'), endpoints('b', portB)));
    assert.deepEqual(rejected(), ['Cluster odd']);
    const nacks = envoy.events.flatMap((event) => (event.kind === 'nacked' ? [event] : []));
    assert.deepEqual(
      nacks.map(({ names }) => names),
      [['odd']],
    );
  });

  it('C6 D5 a bad route leaves the last good one live, and the next good one lands on the same stream', async () => {
    await envoy.publishAndSettle(snapshot(...base, routes('r', { regex: '(' })));
    assert.deepEqual(rejected(), ['RouteConfiguration r']);
    assert.equal(await get(entry), '200 A');
    await envoy.publishAndSettle(
      plain(cluster('b'), endpoints('b', portB), routes('r', { cluster: 'b' })),
    );
    assert.deepEqual(rejected(), []);
    assert.equal(await get(entry), '200 B');
    assert.equal(
      envoy.events.some(({ kind }) => kind === 'disconnected'),
      false,
    );
  });

  it('the route that is refused is named with its own line, of several', async () => {
    const at = (line: number) => ({ file: 'services/pay.yaml', line, column: 1, length: 1 });
    const from = [at(1), { ...at(7), part: 'pay/one' }, { ...at(9), part: 'pay/two' }];
    const { action, ...nowhere } = routeTo({ cluster: 'b' });
    const words: string[] = [];
    for (const bad of [nowhere, routeTo({ regex: '/b(' })]) {
      const one = { name: 'pay/one', ...routeTo({ cluster: 'a' }) };
      const made = routeConfiguration('r', [one, { name: 'pay/two', ...bad }], from);
      await envoy.publishAndSettle(snapshot(...base, made));
      const [refused] = envoy.service.status('p').rejected;
      words.push(`${refused?.message} (line ${refused?.from[0]?.line})`);
    }
    assert.match(words[0] ?? '', /^Proto constraint .*Routes\[1\].*\(line 9\)$/);
    assert.equal(words[1], 'missing ): /b( (line 9)');
  });

  it('D8 a listener whose address is taken is refused, and the stream goes on', async () => {
    await envoy.publishAndSettle(plain(listener('clash', portA, 'r')));
    assert.deepEqual(rejected(), ['Listener clash']);
    assert.equal(await get(entry), '200 A');
  });

  it('E6 a new listener asks for its routes, a changed one does not', async () => {
    const port = await freePort();
    const more = [listener('two', port, 's'), routes('s', { cluster: 'a' })];
    await envoy.publishAndSettle(plain(...more));
    assert.equal(await get(port), '200 A');
    assert.deepEqual(sent(), ['Listener two', 'RouteConfiguration s']);
  });

  it('E8 H4 the last endpoint gone is 503, and the next one is served again, with no other push', async () => {
    const [first, , ...others] = base;
    assert.ok(first);
    const route = routes('r', { cluster: 'a' });
    await envoy.publishAndSettle(snapshot(first, endpoints('a'), ...others, route));
    assert.match(await get(entry), /^503 no healthy upstream/);
    await envoy.publishAndSettle(snapshot(first, endpoints('a', portB), ...others, route));
    assert.equal(await get(entry), '200 B');
    assert.deepEqual(sent(), ['ClusterLoadAssignment a', 'ClusterLoadAssignment a']);
  });

  it('G4 a cluster that comes back after its removal gets its endpoints again', async () => {
    await envoy.publishAndSettle(plain(cluster('b'), endpoints('b', portB)));
    await envoy.publishAndSettle(plain());
    const tookMs = await envoy.publishAndSettle(plain(cluster('b'), endpoints('b', portB)));
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.equal(await envoy.stat('cluster.b.membership_total'), 1);
  });

  it('F9 without a control plane the last configuration goes on', async () => {
    await envoy.stopServing();
    for (let index = 0; index < 10; index += 1) assert.equal(await get(entry), '200 A');
    await envoy.serve(plain());
    await envoy.settled();
  });

  it('A12 A13 F1 drained with trailers, it is back at the next server within seconds and is sent nothing', async () => {
    await drained();
    await envoy.service.drain(0);
    await eventually(
      () => envoy.service.counters.streams === 0,
      2_000,
      () => 'the stream did not end',
    );
    await envoy.stopServing();
    await envoy.serve(plain());
    const tookMs = await envoy.settled();
    assert.ok(tookMs < 3_000, `${tookMs} ms`);
    assert.deepEqual(sent(), []);
  });

  it('F2 F8 what changed while it was away: new first, old last, no request fails', async () => {
    const load = new Load(entry);
    await envoy.stopServing();
    const [, , door] = base;
    assert.ok(door);
    const next = [cluster('b'), endpoints('b', portB), door, routes('r', { cluster: 'b' })];
    await envoy.serve(snapshot(...next));
    await envoy.settled();
    assert.equal(await get(entry), '200 B');
    assert.deepEqual((await load.stop()).failures, []);
    await eventually(
      async () => !JSON.stringify(await envoy.admin.configDump()).includes('"name":"a"'),
      5_000,
      () => 'the old cluster is still there',
    );
    // Envoy's dump says no version of endpoints.
    const versions = (envoy.service.resources('p')[0] ?? [])
      .filter(({ type }) => type !== typeUrls.endpoints)
      .map(({ version }) => version);
    assert.equal(versions.length, 3);
    const dump = JSON.stringify(await envoy.admin.configDump());
    for (const version of versions) assert.ok(dump.includes(version), version);
  });

  it('I2 a cluster on demand comes with the first request; one that may not be had is answered at once', async () => {
    const port = await freePort();
    const door = listener('od', port, 'od', onDemandFilter());
    const all = plain(door, routes('od', { header: 'x-to' }));
    envoy.publish(all, snapshot(cluster('far'), endpoints('far', portB)));
    await envoy.settled();
    const to = (name: string) => get(port, { headers: { 'x-to': name } });
    assert.equal(await to('far'), '200 B');
    assert.equal(await to('far'), '200 B');
    const startMs = performance.now();
    assert.match(await to('nobody'), /^503/);
    assert.ok(performance.now() - startMs < 1_000);
    await drained();
    envoy.events.length = 0;
    await envoy.stopServing();
    await envoy.serve(all, snapshot(cluster('far'), endpoints('far', portB)));
    await envoy.settled();
    assert.equal(await to('far'), '200 B');
    assert.deepEqual(sent(), []);
  });

  it('D3 what was in a refused response and is gone after a reconnect is removed', async () => {
    const bad = cluster('odd', {
      clusterDiscoveryType: { case: 'clusterType', value: { name: 'nobody.knows' } },
    });
    await envoy.publishAndSettle(plain(bad, cluster('x'), endpoints('x', portA)));
    await envoy.publishAndSettle(plain());
    assert.ok(!JSON.stringify(await envoy.admin.configDump()).includes('"name":"x"'));
  });

  it('A14 while nothing changes nothing is said, and no push of this run was without effect', async () => {
    const before = envoy.service.counters;
    await delay(1_000);
    const { pushes, acks, pushesWithoutEffect, stuck, incomplete } = envoy.service.counters;
    assert.deepEqual([pushes, acks], [before.pushes, before.acks]);
    assert.deepEqual([pushesWithoutEffect, stuck, incomplete], [0, 0, 0]);
  });
});

/** Requests one after the other on eight kept connections, until it is stopped. */
class Load {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  readonly #workers: readonly Promise<void>[];
  readonly #failures: string[] = [];
  #count = 0;
  #isStopped = false;

  constructor(port: number) {
    this.#workers = Array.from({ length: 8 }, () => this.#run(port));
  }

  async #run(port: number): Promise<void> {
    while (!this.#isStopped) {
      const answer = await get(port, { agent: this.#agent });
      this.#count += 1;
      if (!answer.startsWith('200')) this.#failures.push(answer);
    }
  }

  async stop(): Promise<{ readonly count: number; readonly failures: readonly string[] }> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
    this.#agent.destroy();
    return { count: this.#count, failures: this.#failures };
  }
}

function namesOf(event: Extract<XdsEvent, { kind: 'sent' | 'acked' }>): readonly string[] {
  return event.kind === 'sent' ? event.resources.map(({ name }) => name) : event.names;
}

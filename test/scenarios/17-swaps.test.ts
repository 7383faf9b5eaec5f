import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import { duration } from '../../src/compile/pack.ts';
import { type Resource, shortType } from '../../src/compile/resource.ts';
import { freePort } from '../support/free-port.ts';
import { eventually } from '../support/running-mesh.ts';
import { backend, XdsEnvoy } from '../support/xds-envoy.ts';
import { cluster, endpoints, routes, snapshot } from '../support/xds-resources.ts';
import { leaf, pemOf, policy, root, secrets, tlsListener } from '../support/xds-tls.ts';

const swapsCount = 40;

/** Every kind of resource that a proxy is sent, swapped again and again while requests go through it. */
describe('forty swaps of each kind of resource under load', { timeout: 120_000 }, () => {
  const envoy = new XdsEnvoy();
  const stops: (() => void)[] = [];
  const [first, second] = [root('first'), root('second')];
  const client = leaf(first, 'client');
  const svid = leaf(first, 'in');
  let [portA, portB, entry] = [0, 0, 0];

  before(async () => {
    for (const name of ['A', 'B']) {
      const [port, stop] = await backend(name);
      stops.push(stop);
      if (name === 'A') portA = port;
      else portB = port;
    }
    entry = await freePort();
    await envoy.serve(world({}));
    await envoy.start();
    await eventually(
      async () => (await new Load(entry, pemOf(client), pemOf(first).cert, 1).stop()).failed === 0,
      10_000,
      () => 'the base does not serve',
    );
  });
  after(async () => {
    await envoy.stop();
    for (const stop of stops) stop();
  });

  /** All of a proxy's resources, of which one kind is another. */
  function world(other: {
    readonly cluster?: Resource;
    readonly endpoints?: Resource;
    readonly routes?: Resource;
    readonly listener?: Resource;
    readonly policy?: Resource;
    readonly secrets?: readonly Resource[];
    readonly more?: readonly Resource[];
  }) {
    return snapshot(
      other.cluster ?? cluster('a'),
      other.endpoints ?? endpoints('a', portA),
      other.routes ?? routes('r', { cluster: 'a' }),
      other.listener ?? tlsListener('in', entry, 1_000_000),
      other.policy ?? policy('base'),
      ...(other.secrets ?? secrets(svid, [first])),
      ...(other.more ?? []),
    );
  }

  type World = ReturnType<typeof world>;
  const swaps: Readonly<Record<string, (n: number) => World>> = {
    cluster: (n) => world({ cluster: cluster('a', { connectTimeout: duration(2_000 + n) }) }),
    endpoints: (n) => world({ endpoints: endpoints('a', n % 2 === 0 ? portB : portA) }),
    'routes with a cluster of their own': (n) =>
      world({
        routes: routes('r', { cluster: `b${n}` }),
        more: [cluster(`b${n}`), endpoints(`b${n}`, portB)],
      }),
    listener: (n) => world({ listener: tlsListener('in', entry, 1_000_001 + n) }),
    'policy by ECDS': (n) => world({ policy: policy(`rule-${n}`) }),
    SVID: (n) => world({ secrets: secrets(leaf(first, `in-${n}`), [first]) }),
    'bundle of the CA': (n) =>
      world({ secrets: secrets(svid, n % 2 === 0 ? [first, second] : [second, first]) }),
  };

  for (const [kind, swapped] of Object.entries(swaps)) {
    it(`${kind}: no request fails`, async () => {
      await envoy.publishAndSettle(world({}));
      envoy.events.length = 0;
      const load = new Load(entry, pemOf(client), pemOf(first).cert, 8);
      for (let swap = 0; swap < swapsCount; swap += 1) {
        const sent = load.sent;
        await envoy.publishAndSettle(swapped(swap));
        // Each swap is met by requests, on a fast machine as well.
        await eventually(
          () => load.sent >= sent + 8,
          5_000,
          () => 'no requests are sent',
        );
      }
      const { failures } = await load.stop();
      assert.deepEqual(failures, []);
      assert.deepEqual(envoy.service.status('p').rejected, []);
      const pushed = envoy.events.filter((event) => event.kind === 'sent').length;
      assert.ok(pushed >= swapsCount, `${pushed} pushes`);
    });
  }

  it('one bad resource of ten: nine are live within a second, it is named with its place, and the others go on changing', async () => {
    const at = { file: 'services/bad.yaml', line: 7, column: 3, length: 4 };
    const bad = { ...cluster('bad', { connectTimeout: duration(-1_000) }), from: [at] };
    const nine = (connectMs: number): readonly Resource[] =>
      Array.from({ length: 9 }, (_, index) => `good-${index}`).flatMap((name) => [
        cluster(name, { connectTimeout: duration(connectMs) }),
        endpoints(name, portA),
      ]);
    const load = new Load(entry, pemOf(client), pemOf(first).cert, 4);
    for (const connectMs of [1_500, 2_500, 3_500]) {
      const more = [...nine(connectMs), bad, endpoints('bad', portA)];
      const tookMs = await envoy.publishAndSettle(world({ more }));
      assert.ok(tookMs < 1_000, `${tookMs} ms`);
      const [refused, ...others] = envoy.service.status('p').rejected;
      assert.deepEqual(others, []);
      assert.deepEqual([refused?.resource, refused?.from], ['Cluster bad', [at]]);
      const dump = JSON.stringify(await envoy.admin.configDump());
      const live = dump.split(`"connect_timeout":"${(connectMs / 1_000).toFixed(3)}s"`).length - 1;
      assert.equal(live, 9);
    }
    assert.deepEqual((await load.stop()).failures, []);
  });

  it('these are all kinds that there are', () => {
    const present = [...world({}).keys()].map(shortType).sort();
    const kinds = ['Cluster', 'ClusterLoadAssignment', 'Listener', 'RouteConfiguration'];
    assert.deepEqual(present, [...kinds, 'Secret', 'TypedExtensionConfig']);
  });
});

type Pem = ReturnType<typeof pemOf>;

/** Requests one after the other on kept connections, of which each tenth is a new one with its handshake. */
class Load {
  readonly #agent: https.Agent;
  readonly #port: number;
  readonly #workers: readonly Promise<void>[];
  readonly #failures: string[] = [];
  readonly #tls: Pem & { readonly ca: string };
  sent = 0;
  #isStopped = false;

  constructor(port: number, client: Pem, ca: string, workers: number) {
    this.#port = port;
    this.#tls = { ...client, ca };
    this.#agent = new https.Agent({ keepAlive: true, maxSockets: workers });
    this.#workers = Array.from({ length: workers }, () => this.#run());
  }

  async #run(): Promise<void> {
    do {
      this.sent += 1;
      const answer = await this.#request(this.sent % 10 === 0 ? undefined : this.#agent);
      if (!answer.startsWith('200')) this.#failures.push(answer);
    } while (!this.#isStopped);
  }

  #request(agent: https.Agent | undefined): Promise<string> {
    return new Promise((resolve) => {
      const { cert, key, ca } = this.#tls;
      const call = https.get(
        {
          ...{ host: '127.0.0.1', port: this.#port, path: '/', cert, key, ca },
          ...(agent === undefined ? { agent: false } : { agent }),
          // Names of SVIDs are URIs, which Node does not hold against the host.
          checkServerIdentity: () => undefined,
        },
        (response) => {
          response.resume();
          response.once('end', () => resolve(`${response.statusCode}`));
          response.once('error', (error) => resolve(`0 ${error.message}`));
        },
      );
      call.once('error', (error) => resolve(`0 ${error.message}`));
    });
  }

  async stop(): Promise<{ readonly failures: readonly string[]; readonly failed: number }> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
    this.#agent.destroy();
    return { failures: this.#failures, failed: this.#failures.length };
  }
}

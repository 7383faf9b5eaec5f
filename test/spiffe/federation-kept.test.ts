import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Federation } from '../../src/app/federation/federation.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { TrustDomain, TrustPeer } from '../../src/model/types.ts';
import type { PeerReply } from '../../src/serve/api/wire.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { silentLog, type TestEndpoint, TestTrustDomain } from '../support/trust-domain.ts';
import { FakeClock } from '../xds/fake-clock.ts';

/** What the endpoint of the partner serves; undefined: it is down. */
type Served = string | undefined;

describe('federation, what is kept (SPIFFE Federation sections 4.2 and 6)', () => {
  let shop: TestTrustDomain;
  let partner: TestTrustDomain;
  let endpoint: TestEndpoint;
  let store: Store;
  let served: Served;
  const clock = new FakeClock();
  const running: Federation[] = [];

  beforeEach(async () => {
    shop = await TestTrustDomain.open('shop.test');
    partner = await TestTrustDomain.open('partner.test');
    store = openSqliteStore(':memory:');
    served = partner.document;
    endpoint = await partner.serveAs((_request, response) => {
      if (served === undefined) response.writeHead(503);
      response.end(served);
    });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((federation) => federation.stop()));
    partner.close();
    await store.close();
  });

  async function federate(...peers: readonly TrustPeer[]): Promise<Federation> {
    const own = () => shop.authority.news.bundle;
    const federation = new Federation({ isLeading: () => true, store, clock, log: silentLog, own });
    running.push(federation);
    await federation.apply(mapOf(peers));
    return federation;
  }

  async function poll(federation: Federation): Promise<PeerReply> {
    const reply = await federation.refresh(partner.name);
    assert.ok(reply !== undefined);
    return reply;
  }

  const numbered = (sequence: number | undefined, more: object = {}): string =>
    JSON.stringify({ ...JSON.parse(partner.document), spiffe_sequence: sequence, ...more });
  const sequences = (federation: Federation): number[] =>
    federation.bundles.map(({ sequence }) => sequence);

  it('74 the seed is the bundle until the first fetch, at once', async () => {
    served = undefined;
    const federation = await federate(partner.peer(endpoint.url));
    assert.deepEqual(federation.bundles, [partner.authority.news.bundle]);
    const { source, state } = await poll(federation);
    assert.deepEqual([source, state], ['seed', 'failing']);
  });

  it('77 a newer sequence is taken, an older one is not', async () => {
    served = numbered(5);
    const federation = await federate(partner.peer(endpoint.url));
    await poll(federation);
    served = numbered(4, { keys: [] });
    const refused = await poll(federation);
    assert.equal(refused.problem?.code, 'CH3205');
    assert.deepEqual(sequences(federation), [5]);
    served = numbered(6);
    assert.equal((await poll(federation)).problem, undefined);
    assert.deepEqual(sequences(federation), [6]);
  });

  it('77 without sequence the last that was read is the latest', async () => {
    served = numbered(undefined);
    const peer = partner.peer(endpoint.url, { bundle: numbered(undefined) });
    const federation = await federate(peer);
    let changes = 0;
    federation.onChange(() => {
      changes += 1;
    });
    await poll(federation);
    assert.equal(changes, 0, 'the same content is no change');
    await partner.rotate();
    served = numbered(undefined);
    await poll(federation);
    assert.equal(changes, 1);
    assert.deepEqual(federation.bundles[0]?.x509Roots, partner.authority.news.bundle.x509Roots);
  });

  it('42 and 77 a bundle without keys is taken: nothing of the partner is believed any more', async () => {
    const federation = await federate(partner.peer(endpoint.url));
    served = numbered(99, { keys: [] });
    await poll(federation);
    assert.deepEqual(federation.bundles[0]?.x509Roots, []);
    assert.deepEqual(federation.bundles[0]?.jwtKeys, []);
  });

  it('77 a restart keeps the last good bundle while the endpoint is away', async () => {
    served = numbered(7);
    const peer = partner.peer(endpoint.url);
    const before = await federate(peer);
    await poll(before);
    await before.stop();
    served = undefined;
    const after = await federate(peer);
    assert.deepEqual(sequences(after), [7], 'there before the first fetch');
    const reply = await poll(after);
    assert.deepEqual([reply.source, reply.state], ['fetched', 'failing']);
    assert.deepEqual(sequences(after), [7]);
  });

  it('77 another seed in mesh.yaml begins anew, also with a lower sequence; another layout does not', async () => {
    served = numbered(7);
    const first = await federate(partner.peer(endpoint.url));
    await poll(first);
    served = undefined;
    const bundle = JSON.stringify(JSON.parse(partner.document), undefined, 4);
    await first.apply(mapOf([partner.peer(endpoint.url, { bundle })]));
    assert.deepEqual(sequences(first), [7]);
    await first.apply(mapOf([partner.peer(endpoint.url, { bundle: numbered(2) })]));
    assert.deepEqual(sequences(first), [2]);
    served = numbered(3);
    assert.equal((await poll(first)).state, 'fresh');
    assert.deepEqual(sequences(first), [3]);
  });

  it('77 a seed that is taken out leaves the last good bundle', async () => {
    served = numbered(7);
    const federation = await federate(partner.peer(endpoint.url));
    await poll(federation);
    served = undefined;
    const auth = { profile: 'https_web' as const, ca: undefined };
    await federation.apply(mapOf([partner.peer(endpoint.url, { bundle: undefined, auth })]));
    assert.deepEqual(sequences(federation), [7]);
  });

  it('77 a peer that is taken out is dropped at once, told, and forgotten for good', async () => {
    const peer = partner.peer(endpoint.url);
    const federation = await federate(peer);
    await poll(federation);
    assert.equal((await store.list('peer-bundle')).length, 1);
    const told: number[] = [];
    federation.onChange(() => told.push(federation.bundles.length));
    await federation.apply(new Map());
    assert.deepEqual(told, [0]);
    assert.deepEqual(await store.list('peer-bundle'), []);
    const requests = endpoint.requests();
    clock.advance(3_600_000);
    assert.equal(clock.timerCount, 0, 'it is polled no more');
    assert.equal(endpoint.requests(), requests);
  });

  it('77 a peer that was taken out while nothing ran is forgotten at the next start', async () => {
    const before = await federate(partner.peer(endpoint.url));
    await poll(before);
    await before.stop();
    const after = await federate();
    assert.deepEqual(after.bundles, []);
    assert.deepEqual(await store.list('peer-bundle'), []);
  });

  it('77 what cannot be kept is not used', async () => {
    const put = async (): Promise<number> => {
      throw new Error('the disk is full');
    };
    const own = () => shop.authority.news.bundle;
    const full: Store = Object.create(store, { put: { value: put } });
    Object.assign(full, { get: store.get.bind(store), list: store.list.bind(store) });
    const federation = new Federation({
      isLeading: () => true,
      store: full,
      clock,
      log: silentLog,
      own,
    });
    running.push(federation);
    await federation.apply(mapOf([partner.peer(endpoint.url, { bundle: numbered(1) })]));
    served = numbered(8);
    const reply = await poll(federation);
    assert.equal(reply.problem?.code, 'CH3207');
    assert.match(reply.problem?.message ?? '', /disk is full/);
    assert.deepEqual(sequences(federation), [1]);
  });

  it('49 and 80 bundles stay apart, each under the trust domain of the configuration', async () => {
    // The document says that it is of the shop, and is the one of the partner.
    served = numbered(9, { trust_domain: 'shop.test' });
    const second = await TestTrustDomain.open('second.test');
    const { url } = await second.serve();
    const federation = await federate(partner.peer(endpoint.url), second.peer(url));
    await poll(federation);
    await federation.refresh(second.name);
    second.close();
    assert.deepEqual(
      federation.bundles.map(({ trustDomain, x509Roots }) => [trustDomain, x509Roots]),
      [
        [partner.name, partner.authority.news.bundle.x509Roots],
        [second.name, second.authority.news.bundle.x509Roots],
      ],
    );
  });

  it('69 an endpoint that is not plain https is refused in mesh.yaml', () => {
    const codes = (url: string): string[] => {
      const mesh = `mesh: m\ntrust_domain: m.test\npeers:\n  p.test: { endpoint: "${url}", profile: https_web }\n`;
      const web = 'service: web\nowner: o\nprotocol: http\nport: 80\n';
      const files = new Map(Object.entries({ 'mesh.yaml': mesh, 'services/web.yaml': web }));
      return parseIntent(files).findings.map(({ code }) => code);
    };
    assert.deepEqual(codes('https://p.test:8443/a?b=c'), []);
    for (const bad of [
      ...['http://p.test/', 'https://u@p.test/', 'https://u:p@p.test/', 'https://@p.test/'],
      ...[
        'https://p.test/#k',
        'ftp://p.test/',
        'p.test/bundle',
        '//p.test/',
        'https://',
        'https://:1/',
      ],
    ]) {
      assert.deepEqual(codes(bad), ['CH1081'], bad);
    }
  });
});

function mapOf(peers: readonly TrustPeer[]): ReadonlyMap<TrustDomain, TrustPeer> {
  return new Map(peers.map((peer) => [peer.trustDomain, peer]));
}
